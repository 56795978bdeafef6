import * as wasi from "./wasi.js";
import { answer } from "./worker.js";

answer(wasi);
