import * as pyodide from "./pyodide.js";
import { answer } from "./worker.js";

answer(pyodide);
