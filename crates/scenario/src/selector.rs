//! Who is meant: `all`, a role, a member, or a list of them; and how a script or check says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::diagnostic::Faults;
use crate::named::named;
use crate::nearest::did_you_mean;
use crate::net::Net;
use crate::plan::Member;
use crate::read::fields::{items, text};
use crate::tree::Node;

/// Some of the cast, as the author named them. Every name in it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    text: String,
    names: BTreeSet<String>,
}

named! {
    /// How many of those that are meant it takes.
    #[derive(Default)]
    "quantity" Quantifier {
        /// Each of them.
        #[default]
        All = "all",
        /// The first of them.
        Any = "any",
    }
}

impl Selector {
    /// The names of members, sorted.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Everybody of a cast.
    pub(crate) fn all(cast: &[Member]) -> Self {
        Self { text: ALL.into(), names: cast.iter().map(|member| member.name.clone()).collect() }
    }

    /// One thing that is no cast member: the tracker, or a network.
    pub(crate) fn thing(name: &str) -> Self {
        Self { text: name.into(), names: [name.to_owned()].into() }
    }

    /// Nobody: the stand-in for what could not be read.
    pub(crate) fn nobody() -> Self {
        Self { text: String::new(), names: BTreeSet::new() }
    }

    /// The same, without those for whom `keep` is false.
    pub(crate) fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self { text: self.text.clone(), names: self.names.iter().filter(|name| keep(name)).cloned().collect() }
    }

    /// For sentences: `everybody`, `sharer`, `sharer-1 and rider`.
    pub(crate) fn phrase(&self) -> String {
        if self.text == ALL {
            return "everybody".into();
        }
        let words: Vec<&str> = self.text.trim_matches(['[', ']']).split(", ").collect();
        crate::phrase::list(&words)
    }

    pub(crate) fn is_one(&self) -> bool {
        self.names.len() == 1
    }
}

impl fmt::Display for Selector {
    /// As it is written in a scenario.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Who can be named: the cast, as far as it could be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roster<'a> {
    pub(crate) cast: &'a [Member],
    pub(crate) nets: &'a BTreeMap<String, Net>,
}

impl<'a> Roster<'a> {
    /// Reads a `who`: a word or a list of words.
    pub(crate) fn selector(self, node: &Node, what: &str, faults: &mut Faults) -> Selector {
        let (mut words, mut names) = (Vec::new(), BTreeSet::new());
        for item in items(node) {
            if faults.is_full() {
                break;
            }
            let Some(word) = text(item, what, "all", faults) else { continue };
            match self.resolve(word) {
                Some(found) => {
                    names.extend(found);
                    words.push(word);
                }
                None => {
                    let message = format!("nobody in the cast is called `{word}`");
                    faults.add_with_help(item.spot, message, self.suggest(word));
                }
            }
        }
        match words.as_slice() {
            [] => {
                if items(node).is_empty() {
                    faults.add_with_help(node.spot, format!("{what} names nobody"), "write `all`, or a role's name");
                }
                Selector::nobody()
            }
            [one] => Selector { text: (*one).to_owned(), names },
            many => Selector { text: format!("[{}]", many.join(", ")), names },
        }
    }

    /// The one thing that a word means: of the cast, the tracker, or a network.
    pub(crate) fn subject(self, word: &str) -> Option<Selector> {
        let cast = self.resolve(word).map(|names| Selector { text: word.to_owned(), names });
        cast.or_else(|| (word == TRACKER || self.nets.contains_key(word)).then(|| Selector::thing(word)))
    }

    pub(crate) fn suggest(self, word: &str) -> String {
        let names = self.names();
        did_you_mean(word, names.iter().copied())
    }

    pub(crate) fn member(self, name: &str) -> Option<&'a Member> {
        self.cast.iter().find(|member| member.name == name)
    }

    pub(crate) fn is_seed(self, name: &str) -> bool {
        self.member(name).is_some_and(|member| member.role.has_everything())
    }

    fn resolve(self, word: &str) -> Option<BTreeSet<String>> {
        let means = |member: &&Member| word == ALL || member.role_name == word || member.name == word;
        let names: BTreeSet<String> = self.cast.iter().filter(means).map(|member| member.name.clone()).collect();
        (!names.is_empty()).then_some(names)
    }

    /// Roles first, then the members that have another name, then `all`.
    fn names(self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for member in self.cast {
            if !names.contains(&member.role_name.as_str()) {
                names.push(&member.role_name);
            }
        }
        let numbered = self.cast.iter().filter(|member| member.name != member.role_name).take(LISTED_MAX);
        names.extend(numbered.map(|member| member.name.as_str()));
        names.push(ALL);
        names
    }
}

/// The selector of the whole cast.
pub(crate) const ALL: &str = "all";

/// Who reports as the tracker. No cast member may have this name.
pub(crate) const TRACKER: &str = "tracker";

/// Numbered members that help offers by name.
const LISTED_MAX: usize = 12;
