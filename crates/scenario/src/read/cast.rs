//! Reads the cast: roles with counts become one [`Member`] a peer.

use std::collections::BTreeMap;

use events::Detail;
use model::Rate;

use crate::diagnostic::Faults;
use crate::named::UnknownName;
use crate::net::Net;
use crate::plan::{Client, Encryption, EncryptionMethod, Member, Persona, Role};
use crate::read::fields::{Fields, amount, items, name, text, whole};
use crate::read::stage::{check_name, default_net, net_name};
use crate::selector::{ALL, TRACKER};
use crate::tree::{Key, Node};
use crate::units;

pub const CAST_KEYS: &[&str] = &[
    "at",
    "role",
    "count",
    "persona",
    "client",
    "knows",
    "picking",
    "up",
    "down",
    "slots",
    "detail",
    "encryption",
    "encryption-methods",
    "password",
];

const CAST_EXAMPLE: &str = "cast: { seed: { role: seed }, leecher: { role: leech, count: 4 } }";

/// What reading the cast needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CastReader<'a> {
    pub(crate) nets: &'a BTreeMap<String, Net>,
}

impl CastReader<'_> {
    pub(crate) fn read(self, top: Fields<'_>, faults: &mut Faults) -> Vec<Member> {
        let Some(node) = top.need("cast", "a scenario", CAST_EXAMPLE, faults) else { return Vec::new() };
        let roles = Fields::any(node, "`cast`", CAST_EXAMPLE, faults);
        let mut cast: Vec<Member> = Vec::new();
        for (key, node) in roles.entries() {
            if check_name(key, "a cast member", faults) && is_taken(&key.text) {
                let message = format!("`{}` means something else in scripts and checks", key.text);
                faults.add_with_help(key.spot, message, "choose another name");
            }
            let (member, count) = self.role(&key.text, node, faults);
            add(&mut cast, &member, count, key, faults);
        }
        if cast.len() > CAST_MAX {
            let message = format!("the cast has {} peers", cast.len());
            faults.add_with_help(node.spot, message, format!("at most {CAST_MAX} play together"));
            cast.truncate(CAST_MAX);
        }
        cast
    }

    /// One role's first member, and how many there are.
    fn role(self, role_name: &str, node: &Node, faults: &mut Faults) -> (Member, u64) {
        let what = format!("`{role_name}`");
        let example = format!("{role_name}: {{ role: leech }}");
        let fields = Fields::of(node, &what, CAST_KEYS, &example, faults);
        let role = fields.need("role", &what, &example, faults).and_then(|node| name(node, "`role`", faults));
        let at = fields.get("at").and_then(|node| net_name(node, "`at`", self.nets, faults));
        let mut rate = |key| fields.get(key).and_then(|node| rate(node, key, faults));
        let (up, down) = (rate("up"), rate("down"));
        let member = Member {
            name: role_name.to_owned(),
            role_name: role_name.to_owned(),
            role: role.unwrap_or(Role::Leech),
            persona: fields.get("persona").and_then(|node| name(node, "`persona`", faults)).unwrap_or_default(),
            client: fields.get("client").and_then(|node| name(node, "`client`", faults)).unwrap_or_default(),
            at: at.unwrap_or_else(|| default_net(self.nets)),
            up,
            down,
            knows: fields.get("knows").and_then(|node| name(node, "`knows`", faults)).unwrap_or_default(),
            picking: fields.get("picking").and_then(|node| name(node, "`picking`", faults)).unwrap_or_default(),
            slots: fields
                .get("slots")
                .and_then(|node| whole(node, "`slots`", 1, SLOTS_MAX, faults))
                .map(|slots| slots as u32),
            detail: fields.get("detail").and_then(|node| detail(node, faults)).unwrap_or_default(),
            encryption: fields
                .get("encryption")
                .and_then(|node| name(node, "`encryption`", faults))
                .unwrap_or_default(),
            password: fields.get("password").and_then(|node| name(node, "`password`", faults)).unwrap_or_default(),
            encryption_methods: fields
                .get("encryption-methods")
                .and_then(|node| encryption_methods(node, faults))
                .unwrap_or_else(|| EncryptionMethod::ALL.to_vec()),
        };
        self.refuse_contradictions(&member, fields, faults);
        let count = fields.get("count").and_then(|node| whole(node, "`count`", 1, CAST_MAX as u64, faults));
        (member, count.unwrap_or(1))
    }

    /// What each key may say alone, but not together with another.
    fn refuse_contradictions(self, member: &Member, fields: Fields<'_>, faults: &mut Faults) {
        let mut refuse = |key: &str, message: String, help: &str| {
            if let Some(node) = fields.get(key) {
                faults.add_with_help(node.spot, message, help);
            }
        };
        if member.role != Role::Recipient {
            let help = "leave it away, or make it `role: recipient`";
            refuse("password", "only a recipient is told a password".into(), help);
        }
        if member.role.has_everything() {
            if member.persona == Persona::FreeRider {
                let help = "make it `role: leech`, or choose another persona";
                refuse("persona", "a seed takes nothing, so it can't ride free".into(), help);
            }
            for key in ["knows", "picking"] {
                let help = "leave it away, or make it `role: leech`";
                refuse(key, format!("`{key}` is for those who download, and a seed has everything"), help);
            }
        }
        if member.client == Client::Rqbit {
            for key in ["persona", "picking", "slots", "detail"] {
                let message = format!("`{key}` is for client swarmlab: rqbit is a stock client and goes its own way");
                refuse(key, message, "leave it away");
            }
            for key in ["encryption", "encryption-methods"] {
                let message = format!("`{key}` is for client swarmlab: rqbit speaks plaintext and nothing else");
                refuse(key, message, "leave it away");
            }
        } else if member.encryption == Encryption::Disabled {
            let message = "there is no method to choose where encryption is disabled".into();
            refuse("encryption-methods", message, "leave it away, or choose another `encryption`");
        }
    }
}

/// Adds a role's members, and sees that every name is there once.
fn add(cast: &mut Vec<Member>, first: &Member, count: u64, key: &Key, faults: &mut Faults) {
    for number in 1..=count {
        let name = if count == 1 { first.name.clone() } else { format!("{}-{number}", first.name) };
        if let Some(other) = cast.iter().find(|member| member.name == name || member.role_name == name) {
            let message = format!("`{name}` would be there twice");
            let help = format!("it is also a member of role `{}`: rename one of the two", other.role_name);
            faults.add_with_help(key.spot, message, help);
            return;
        }
        if cast.len() > CAST_MAX {
            return;
        }
        cast.push(Member { name, ..first.clone() });
    }
}

fn rate(node: &Node, key: &str, faults: &mut Faults) -> Option<Rate> {
    amount(node, &format!("`{key}`"), units::rate, "5 Mbit/s", faults)
}

fn detail(node: &Node, faults: &mut Faults) -> Option<Detail> {
    match text(node, "`detail`", "piece", faults)? {
        "piece" => Some(Detail::Piece),
        "block" => Some(Detail::Block),
        other => {
            let unknown = UnknownName::new("detail", other, vec!["piece", "block"]);
            faults.add_with_help(node.spot, unknown.to_string(), unknown.help());
            None
        }
    }
}

/// Each method once, in the order of the list of them all: which is named first says nothing.
fn encryption_methods(node: &Node, faults: &mut Faults) -> Option<Vec<EncryptionMethod>> {
    let mut named: Vec<EncryptionMethod> = Vec::new();
    for item in items(node) {
        let method = name(item, "`encryption-methods`", faults)?;
        if named.contains(&method) {
            faults.add_with_help(item.spot, format!("`{method}` is named twice"), "name it once");
            return None;
        }
        named.push(method);
    }
    if named.is_empty() {
        let help = "write `[rc4]`, `[plaintext-after-handshake]`, or leave it away for both";
        faults.add_with_help(node.spot, "`encryption-methods` names none", help);
        return None;
    }
    named.sort();
    Some(named)
}

/// Words with a meaning of their own where names stand.
fn is_taken(name: &str) -> bool {
    [ALL, TRACKER, "any", "lab", "nobody"].contains(&name)
}

/// What the simulator plays in minutes; a world of real programs takes fewer.
const CAST_MAX: usize = 2_500;
const SLOTS_MAX: u64 = 100;
