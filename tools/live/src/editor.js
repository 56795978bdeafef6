// The editor of a cell: CodeMirror with Python, in the colours that the book gives to code.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, drawSelection, EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export const DESCRIPTION = "editor-keys"; // id of the text that says which keys do what

// The classes that Pygments uses, so that the page's own style sheet colours the editor, too.
const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.definitionKeyword, tags.controlKeyword, tags.self], class: "k" },
  { tag: tags.moduleKeyword, class: "kn" },
  { tag: tags.operatorKeyword, class: "ow" },
  { tag: [tags.bool, tags.null], class: "kc" },
  { tag: [tags.string, tags.special(tags.string)], class: "s2" },
  { tag: tags.escape, class: "se" },
  { tag: tags.number, class: "mi" },
  { tag: tags.comment, class: "c1" },
  { tag: tags.operator, class: "o" },
  { tag: [tags.punctuation, tags.paren, tags.squareBracket, tags.brace, tags.separator], class: "p" },
  { tag: tags.function(tags.definition(tags.variableName)), class: "nf" },
  { tag: tags.definition(tags.className), class: "nc" },
  { tag: tags.meta, class: "nd" },
  { tag: [tags.variableName, tags.propertyName, tags.className], class: "n" },
]);

const marking = StateEffect.define();

/** The line that an error names: marked until the code changes. */
const marked = StateField.define({
  create: () => Decoration.none,
  update(marks, change) {
    for (const effect of change.effects) {
      if (!effect.is(marking)) continue;
      const { doc } = change.state;
      if (!effect.value || effect.value > doc.lines) return Decoration.none;
      const attributes = { class: "live-error-line" };
      return Decoration.set([Decoration.line({ attributes }).range(doc.line(effect.value).from)]);
    }
    return change.docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/**
 * Put an editor in place of a listing.
 *
 * `parent` is the listing's container, which keeps it, hidden; `onChange()` is called when a
 * reader or a script changes the text, `onRun(moveOn)` for Shift+Enter (true) and Ctrl+Enter.
 * Returns {text, mark(line or null), focus(line)}; `text` can be set.
 */
export function makeEditor({ parent, text, label, onChange, onRun }) {
  for (const listing of parent.children) listing.hidden = true;
  const run = (moveOn) => () => {
    onRun(moveOn);
    return true;
  };
  const keys = Prec.highest(
    keymap.of([
      { key: "Shift-Enter", run: run(true) },
      { key: "Mod-Enter", run: run(false) },
    ]),
  );
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        keys,
        history(),
        drawSelection({ cursorBlinkRate: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 1200 }),
        indentOnInput(),
        indentUnit.of("    "),
        bracketMatching(),
        python(),
        syntaxHighlighting(COLOURS),
        marked,
        keymap.of([indentWithTab, ...defaultKeymap, ...historyKeymap]),
        EditorView.contentAttributes.of({
          "aria-label": label,
          "aria-describedby": DESCRIPTION,
          tabindex: "0",
        }),
        EditorView.editorAttributes.of({ class: "live-editor highlight" }),
        EditorView.updateListener.of((update) => update.docChanged && onChange()),
      ],
    }),
  });
  return {
    get text() {
      return view.state.doc.toString();
    },
    set text(changed) {
      if (changed === this.text) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: changed } });
    },
    mark(line) {
      view.dispatch({ effects: marking.of(line) });
    },
    focus(line) {
      if (line && line <= view.state.doc.lines) {
        const { from } = view.state.doc.line(line);
        view.dispatch({ selection: { anchor: from }, scrollIntoView: true });
      }
      view.focus();
    },
  };
}
