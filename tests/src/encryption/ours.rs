//! Our own settings: the four policies, and the methods.

use std::fmt;

use super::rules::{Answers, Method, Opening, Rules};

/// How one of our peers is told to encrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ours {
    pub policy: Policy,
    pub methods: &'static [Method],
}

/// What `--encryption` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Plaintext only, both ways.
    Disabled,
    /// Plaintext out, either in.
    Allowed,
    /// Encrypted out, again in plaintext when refused; either in.
    Preferred,
    /// Encrypted only, both ways.
    Required,
}

impl Ours {
    /// Every policy with every choice of methods; where nothing is encrypted there is no choice.
    pub fn all() -> Vec<Self> {
        let disabled = Self { policy: Policy::Disabled, methods: METHODS[0] };
        let others = [Policy::Allowed, Policy::Preferred, Policy::Required];
        let others = others.into_iter().flat_map(|policy| METHODS.map(|methods| Self { policy, methods }));
        [disabled].into_iter().chain(others).collect()
    }

    /// False where another choice of methods makes the same dialler: who dials in plaintext offers none.
    pub fn differs_when_dialling(self) -> bool {
        self.policy != Policy::Allowed || self.methods == METHODS[0]
    }

    pub fn rules(self) -> Rules {
        let encrypted = Opening::Encrypted(self.methods.to_vec());
        let opens = match self.policy {
            Policy::Disabled | Policy::Allowed => vec![Opening::Plaintext],
            Policy::Preferred => vec![encrypted, Opening::Plaintext],
            Policy::Required => vec![encrypted],
        };
        let selects = if self.policy == Policy::Disabled { Vec::new() } else { self.methods.to_vec() };
        Rules::new(opens, Answers::new(self.policy != Policy::Required, selects))
    }

    /// For `swarmlab peer`.
    pub fn args(self) -> [String; 4] {
        let methods: Vec<&str> = self.methods.iter().copied().map(name).collect();
        ["--encryption".into(), self.policy.name().into(), "--encryption-methods".into(), methods.join(",")]
    }
}

impl Policy {
    fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Allowed => "allowed",
            Self::Preferred => "preferred",
            Self::Required => "required",
        }
    }
}

impl fmt::Display for Ours {
    /// `preferred rc4`, `preferred header`, `preferred both`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = match self.methods {
            _ if self.policy == Policy::Disabled => "",
            [Method::Rc4] => " rc4",
            [Method::Plaintext] => " header",
            _ => " both",
        };
        f.pad(&format!("{}{methods}", self.policy.name()))
    }
}

fn name(method: Method) -> &'static str {
    match method {
        Method::Rc4 => "rc4",
        Method::Plaintext => "plaintext-after-handshake",
    }
}

/// The liked best first: we select RC4 where both sides can both.
const METHODS: [&[Method]; 3] = [&[Method::Rc4], &[Method::Plaintext], &[Method::Rc4, Method::Plaintext]];

#[cfg(test)]
mod tests {
    use events::Cipher;

    use super::*;
    use crate::encryption::rules::{Meeting, meet};

    #[test]
    fn our_policies_meet_each_other_as_their_description_says() {
        let with_both = |policy| Ours { policy, methods: METHODS[2] }.rules();
        let outcome = |dials, dialled| meet(&with_both(dials), &with_both(dialled)).to_string();
        let policies = [Policy::Disabled, Policy::Allowed, Policy::Preferred, Policy::Required];
        let table = policies.map(|dials| policies.map(|dialled| outcome(dials, dialled)).join(" "));
        assert_eq!(
            table,
            ["plain plain plain refused", "plain plain plain refused", "plain+ rc4 rc4 rc4", "refused rc4 rc4 rc4",]
        );
    }

    #[test]
    fn required_with_one_method_refuses_who_has_only_the_other() {
        let required = |methods| Ours { policy: Policy::Required, methods }.rules();
        let meeting = meet(&required(METHODS[0]), &required(METHODS[1]));
        assert_eq!(meeting, Meeting { refused: 1, settled: None });
        let meeting = meet(&required(METHODS[2]), &required(METHODS[1]));
        assert_eq!(meeting, Meeting { refused: 0, settled: Some(Cipher::PlaintextAfterHandshake) });
    }

    #[test]
    fn every_setting_is_there_once_and_says_what_it_is() {
        let all = Ours::all();
        assert_eq!(all.len(), 10);
        let names: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), 10, "{names:?}");
        let dialling: Vec<String> =
            all.iter().filter(|ours| ours.differs_when_dialling()).map(|ours| ours.to_string()).collect();
        assert_eq!(dialling.len(), 8, "{dialling:?}");
    }
}
