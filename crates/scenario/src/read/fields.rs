//! The small reader: mappings with known keys, words, amounts. A fault is noted and a stand-in
//! returned, so that the rest of the file is read too; whoever asked throws the result away in the end.

use std::str::FromStr;

use crate::diagnostic::{Faults, Spot};
use crate::named::UnknownName;
use crate::nearest::{did_you_mean, nearest};
use crate::tree::{Key, Node, Value};
use crate::units::BadAmount;

/// A mapping whose keys are all known and there once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    /// Where the mapping begins.
    pub(crate) spot: Spot,
    entries: &'a [(Key, Node)],
    /// The keys it may have, where the reader knew them at once.
    keys: &'a [&'a str],
}

impl<'a> Fields<'a> {
    /// Reads `node` as a mapping with some of `keys`. `what` names it in messages, and `example` shows a right one.
    pub(crate) fn of(node: &'a Node, what: &str, keys: &'a [&'a str], example: &str, faults: &mut Faults) -> Self {
        let fields = Self { keys, ..Self::any(node, what, example, faults) };
        fields.allow(what, keys, faults);
        fields
    }

    /// Reads `node` as a mapping whose keys the caller looks at.
    pub(crate) fn any(node: &'a Node, what: &str, example: &str, faults: &mut Faults) -> Self {
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            _ => {
                let message = format!("{what} must be a mapping, not {}", node.shape());
                faults.add_with_help(node.spot, message, format!("write `{example}`"));
                &[]
            }
        };
        let fields = Self { spot: node.spot, entries, keys: &[] };
        fields.refuse_twins(faults);
        fields
    }

    /// Notes every key that is none of `keys`.
    pub(crate) fn allow(&self, what: &str, keys: &[&str], faults: &mut Faults) {
        for (key, _) in self.entries {
            if !keys.contains(&key.text.as_str()) {
                let message = format!("unknown key `{}` in {what}", key.text);
                faults.add_with_help(key.spot, message, did_you_mean(&key.text, keys.iter().copied()));
            }
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }

    /// The value of a key that must be there; `example` shows the whole entry.
    pub(crate) fn need(&self, key: &str, what: &str, example: &str, faults: &mut Faults) -> Option<&'a Node> {
        let found = self.get(key);
        if found.is_none() && !self.is_misspelt(key) {
            faults.add_with_help(self.spot, format!("{what} lacks `{key}`"), format!("write `{example}`"));
        }
        found
    }

    pub(crate) fn entries(&self) -> &'a [(Key, Node)] {
        self.entries
    }

    /// True when an unknown key, already noted, was surely meant to be this one.
    fn is_misspelt(&self, key: &str) -> bool {
        let unknown =
            self.entries.iter().filter(|(k, _)| !self.keys.is_empty() && !self.keys.contains(&k.text.as_str()));
        unknown.into_iter().any(|(k, _)| nearest(&k.text, self.keys.iter().copied()) == Some(key))
    }

    fn refuse_twins(&self, faults: &mut Faults) {
        for (i, (key, _)) in self.entries.iter().enumerate() {
            if let Some((first, _)) = self.entries[..i].iter().find(|(earlier, _)| earlier.text == key.text) {
                let message = format!("`{}` is here twice", key.text);
                faults.add_with_help(key.spot, message, format!("the first is on line {}", first.spot.line));
            }
        }
    }
}

/// Words; empty ones and collections are faults.
pub(crate) fn text<'a>(node: &'a Node, what: &str, example: &str, faults: &mut Faults) -> Option<&'a str> {
    match &node.value {
        Value::Text(text) if !text.trim().is_empty() => Some(text.trim()),
        Value::Text(_) => {
            faults.add_with_help(node.spot, format!("{what} is empty"), format!("write something like `{example}`"));
            None
        }
        _ => {
            let message = format!("{what} must be text, not {}", node.shape());
            faults.add_with_help(node.spot, message, format!("write something like `{example}`"));
            None
        }
    }
}

/// An amount with its unit, by one of the functions of [`crate::units`].
pub(crate) fn amount<T>(
    node: &Node,
    what: &str,
    read: impl Fn(&str) -> Result<T, BadAmount>,
    example: &str,
    faults: &mut Faults,
) -> Option<T> {
    let text = text(node, what, example, faults)?;
    match read(text) {
        Ok(amount) => Some(amount),
        Err(bad) => {
            faults.add_with_help(node.spot, format!("{what}: {}", bad.message), bad.help);
            None
        }
    }
}

/// A whole number from `min` to `max`, of things that have no unit.
pub(crate) fn whole(node: &Node, what: &str, min: u64, max: u64, faults: &mut Faults) -> Option<u64> {
    let text = text(node, what, &min.max(1).to_string(), faults)?;
    match text.parse::<u64>() {
        Ok(n) if (min..=max).contains(&n) => Some(n),
        _ => {
            let message = format!("{what}: `{text}` is not a whole number from {min} to {max}");
            faults.add_with_help(node.spot, message, format!("write a number, such as `{}`", min.max(3).min(max)));
            None
        }
    }
}

/// `true` or `false`.
pub(crate) fn flag(node: &Node, what: &str, faults: &mut Faults) -> Option<bool> {
    match text(node, what, "true", faults)? {
        "true" => Some(true),
        "false" => Some(false),
        word => {
            let message = format!("{what}: `{word}` is neither true nor false");
            faults.add_with_help(node.spot, message, "write `true` or `false`");
            None
        }
    }
}

/// One of a kind's names.
pub(crate) fn name<T: FromStr<Err = UnknownName>>(node: &Node, what: &str, faults: &mut Faults) -> Option<T> {
    let text = text(node, what, "name", faults)?;
    match text.parse() {
        Ok(value) => Some(value),
        Err(unknown) => {
            faults.add_with_help(node.spot, unknown.to_string(), unknown.help());
            None
        }
    }
}

/// The items of a list, or the one value that stands for a list of one.
pub(crate) fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}
