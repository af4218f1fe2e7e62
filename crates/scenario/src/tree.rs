//! YAML text as a tree in which everything knows its place, for errors that can point at it.
//!
//! Only what scenario files use is read: mappings with words as keys, lists, and text. Anchors,
//! aliases and tags are refused (with them, ten lines can mean a billion), as are depth and size
//! beyond any scenario's. Numbers stay text: their unit is part of them.

use granit_parser::{ErrorKind, Event, Parser, ScanError, Span};

use crate::diagnostic::{Faults, Spot};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) spot: Spot,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A mapping's key and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) spot: Spot,
    pub(crate) text: String,
}

/// Reads a file's one document; `None` with the reason among the faults.
pub(crate) fn read(text: &str, faults: &mut Faults) -> Option<Node> {
    if text.len() > TEXT_BYTES_MAX {
        let help = format!("a scenario has at most {} KiB", TEXT_BYTES_MAX / 1024);
        faults.add_with_help(Spot::START, format!("the file has {} KiB", text.len() / 1024), help);
        return None;
    }
    match build(text) {
        Ok(node) => Some(node),
        Err((spot, message, help)) => {
            faults.add_with_help(spot, message, help);
            None
        }
    }
}

type Fault = (Spot, String, &'static str);

/// A collection that is still being filled.
enum Open {
    List { spot: Spot, items: Vec<Node> },
    Map { spot: Spot, entries: Vec<(Key, Node)>, key: Option<Key> },
}

fn build(text: &str) -> Result<Node, Fault> {
    let mut options = granit_parser::options! {
        disallow_directives: true,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    options.set_emit_comments(false);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut nodes = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| explain(&error))?;
        let spot = spot_of(&span);
        refuse_the_fancy(&event, spot)?;
        nodes += 1;
        if nodes > NODES_MAX || open.len() > DEPTH_MAX {
            return Err((spot, "this is more than a scenario can hold".into(), "split it into several files"));
        }
        let done = match event {
            Event::Scalar(text, ..) => Some(Node { spot, value: Value::Text(text.into_owned()) }),
            Event::SequenceStart(..) => {
                open.push(Open::List { spot: spot.thin(), items: Vec::new() });
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map { spot: spot.thin(), entries: Vec::new(), key: None });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(close),
            Event::DocumentStart(..) if root.is_some() => {
                return Err((spot, "a second document begins here".into(), "one scenario a file"));
            }
            _ => None,
        };
        if let Some(node) = done {
            place(node, &mut open, &mut root)?;
        }
    }
    root.ok_or((Spot::START, "the file is empty".into(), "a scenario begins with `scenario: 1`"))
}

/// Puts a finished node where it belongs: into the innermost open collection, or at the root.
fn place(node: Node, open: &mut [Open], root: &mut Option<Node>) -> Result<(), Fault> {
    match open.last_mut() {
        None => *root = Some(node),
        Some(Open::List { items, .. }) => items.push(node),
        Some(Open::Map { entries, key, .. }) => match key.take() {
            Some(key) => entries.push((key, node)),
            None => match node.value {
                Value::Text(text) => *key = Some(Key { spot: node.spot, text }),
                _ => return Err((node.spot, "a key must be a word".into(), "write `key: value`")),
            },
        },
    }
    Ok(())
}

fn close(open: Open) -> Node {
    match open {
        Open::List { spot, items } => Node { spot, value: Value::List(items) },
        Open::Map { spot, entries, .. } => Node { spot, value: Value::Map(entries) },
    }
}

fn refuse_the_fancy(event: &Event<'_>, spot: Spot) -> Result<(), Fault> {
    if event.is_alias() || event.anchor_id().is_some_and(|id| id != 0) {
        let help = "write it out, or give a role a `count`";
        return Err((spot, "anchors and aliases (`&`, `*`) are not read in scenarios".into(), help));
    }
    if event.tag().is_some() {
        return Err((spot, "tags (`!`) are not read in scenarios".into(), "leave the tag away"));
    }
    Ok(())
}

fn explain(error: &ScanError) -> Fault {
    let marker = error.marker();
    let spot = Spot { line: marker.line().max(1), column: marker.col() + 1, width: 1 };
    let help = match error.kind() {
        ErrorKind::UnknownAnchor => "text that begins with `*` or `&` needs quotes",
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => "indent with spaces, not with tabs",
        ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed | ErrorKind::InvalidColonPlacement => {
            "text with `: ` in it needs quotes; otherwise look at the indentation of this line and the one before"
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::MisplacedFlowCollectionEnd => "every `{` needs its `}` and every `[` its `]`",
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            "a `,` or the closing bracket is missing before this"
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            "the closing quotation mark is missing"
        }
        ErrorKind::UnexpectedCharacter { .. } => "put the text in quotes",
        ErrorKind::RecursionLimitExceeded => "a scenario is never nested this deep",
        ErrorKind::DirectiveDisallowed => "a scenario begins with `scenario: 1`",
        _ => "look at the indentation, the quotes and the brackets here and on the line before",
    };
    (spot, format!("this is not YAML: {}", error.kind()), help)
}

fn spot_of(span: &Span) -> Spot {
    let same_line = span.start.line() == span.end.line();
    let width = if same_line { span.end.col().saturating_sub(span.start.col()) } else { 1 };
    Spot { line: span.start.line().max(1), column: span.start.col() + 1, width: width.max(1) }
}

impl Spot {
    /// Only the first character: a collection is shown by where it begins.
    fn thin(self) -> Self {
        Self { width: 1, ..self }
    }
}

impl Node {
    /// What it is, for messages: `a list`.
    pub(crate) fn shape(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// The largest shipped scenario has 3 KiB.
pub(crate) const TEXT_BYTES_MAX: usize = 256 * 1024;
const NODES_MAX: usize = 20_000;
/// A scenario needs four levels.
const DEPTH_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_knows_its_place() {
        let node = read("a: 1\nb:\n  - { c: 16 MiB, d: \"x y\" }\n", &mut Faults::default()).unwrap();
        let Value::Map(entries) = node.value else { panic!("a mapping is read as {:?}", node.value) };
        assert_eq!(entries[1].0, Key { spot: Spot { line: 2, column: 1, width: 1 }, text: "b".into() });
        let Value::List(items) = &entries[1].1.value else { panic!("a list is read as {:?}", entries[1].1) };
        let Value::Map(inner) = &items[0].value else { panic!("a mapping is read as {:?}", items[0]) };
        assert_eq!(inner[0].1.spot, Spot { line: 3, column: 10, width: 6 });
        assert_eq!(inner[0].1.value, Value::Text("16 MiB".into()));
        assert_eq!(inner[1].1.spot, Spot { line: 3, column: 21, width: 5 });
    }

    #[test]
    fn what_is_not_a_plain_file_is_refused_with_its_place() {
        let table = [
            ("", "error: the file is empty\n --> f:1:1\n  = help: a scenario begins with `scenario: 1`\n"),
            (
                "a: &x [1]\nb: *x\n",
                "\
error: anchors and aliases (`&`, `*`) are not read in scenarios
 --> f:1:7
  |
1 | a: &x [1]
  |       ^
  = help: write it out, or give a role a `count`
",
            ),
            (
                "a: !!str 1\n",
                "\
error: tags (`!`) are not read in scenarios
 --> f:1:10
  |
1 | a: !!str 1
  |          ^
  = help: leave the tag away
",
            ),
            (
                "a: 1\n---\nb: 2\n",
                "\
error: a second document begins here
 --> f:2:1
  |
2 | ---
  | ^^^
  = help: one scenario a file
",
            ),
            (
                "? [a]\n: 1\n",
                "\
error: a key must be a word
 --> f:1:3
  |
1 | ? [a]
  |   ^
  = help: write `key: value`
",
            ),
        ];
        for (text, wanted) in table {
            assert_eq!(shown(text), wanted);
        }
    }

    #[test]
    fn broken_yaml_is_explained() {
        let table = [
            ("a: { b: 1\nc: 2\n", "the closing bracket is missing before this"),
            ("a: { b: 1\n", "every `{` needs its `}`"),
            ("a:\n\t- b\n", "indent with spaces"),
            ("a: b: c\n", "needs quotes"),
            ("a: \"b\n", "quotation mark"),
            ("a: *b\n", "needs quotes"),
            ("a: [b, c\n  d: e]\n", "= help"),
        ];
        for (text, help) in table {
            let shown = shown(text);
            assert!(shown.contains("this is not YAML") && shown.contains(help), "{text:?} gives {shown}");
        }
    }

    #[test]
    fn bombs_are_refused_at_once() {
        let laughs = "a: &a [l, l, l, l]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\n";
        for bomb in [
            laughs.to_owned(),
            "[".repeat(100_000),
            "{a: ".repeat(50_000),
            "- ".repeat(100_000),
            "x\n".repeat(200_000),
            format!("[{}]", "a,".repeat(100_000)),
        ] {
            let mut faults = Faults::default();
            assert_eq!(read(&bomb, &mut faults), None, "{:?}", &bomb[..20]);
            assert!(!faults.is_empty());
        }
    }

    fn shown(text: &str) -> String {
        let mut faults = Faults::default();
        assert_eq!(read(text, &mut faults), None, "{text}");
        faults.into_diagnostics("f", text).to_string()
    }
}
