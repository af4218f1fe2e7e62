//! Reads networks: lines, NATs, firewalls, inspecting providers, and which network lies in which.

use std::collections::BTreeMap;
use std::time::Duration;

use events::FlowClass;

use crate::diagnostic::Faults;
use crate::named::UnknownName;
use crate::nearest::did_you_mean;
use crate::net::{Firewall, Inspection, InspectionAction, Nat, NatBehaviour, NatKind, Net};
use crate::read::fields::{Fields, amount, flag, items, name, text, whole};
use crate::read::script::some_time;
use crate::read::stage::{DEFAULT_NET, check_name, loss};
use crate::selector::TRACKER;
use crate::tree::{Key, Node, Value};
use crate::units;

pub const NET_KEYS: &[&str] = &["in", "rtt", "jitter", "loss", "up", "down", "nat", "firewall", "ip", "isp", "portal"];
pub const NAT_KEYS: &[&str] = &["mapping", "filtering", "ports", "udp-timeout", "tcp-timeout", "hairpin"];
pub const FIREWALL_KEYS: &[&str] = &["ports", "udp", "refuse"];
pub const ISP_KEYS: &[&str] = &["matches", "does", "to"];

/// Reads `net`; without it there is one network, `lan`, that limits nothing.
pub(crate) fn nets(top: Fields<'_>, faults: &mut Faults) -> BTreeMap<String, Net> {
    let Some(node) = top.get("net") else { return BTreeMap::from([(DEFAULT_NET.to_owned(), Net::default())]) };
    let fields = Fields::any(node, "`net`", "net: { lan: { rtt: 20 ms } }", faults);
    let mut nets = BTreeMap::new();
    if fields.entries().len() > NETS_MAX {
        faults.add(node.spot, format!("a scenario has at most {NETS_MAX} networks"));
    }
    for (key, node) in fields.entries().iter().take(NETS_MAX) {
        check_name(key, "a network", faults);
        if key.text == TRACKER || key.text == LAB {
            let message = format!("`{}` can't be the name of a network: it reports events of its own", key.text);
            faults.add_with_help(key.spot, message, "call it by what it is, such as `home` or `office`");
        }
        nets.insert(key.text.clone(), net(&key.text, node, faults));
    }
    if nets.is_empty() {
        faults.add_with_help(node.spot, "`net` names no network", "leave `net` away: there is then one, `lan`");
        nets.insert(DEFAULT_NET.to_owned(), Net::default());
    }
    check_nesting(fields.entries(), &nets, faults);
    if !nets.contains_key(DEFAULT_NET) && nets.keys().all(|name| closed_by(&nets, name).is_some()) {
        // Somewhere the tracker must be that everybody can reach.
        let ipv6 = nets.values().all(|net| net.ipv6);
        nets.insert(INTERNET.to_owned(), Net { ipv6, ..Net::default() });
    }
    nets
}

fn net(name_of_net: &str, node: &Node, faults: &mut Faults) -> Net {
    let what = format!("net `{name_of_net}`");
    let fields = Fields::of(node, &what, NET_KEYS, &format!("{name_of_net}: {{ rtt: 20 ms }}"), faults);
    let mut duration =
        |key| fields.get(key).and_then(|node| amount(node, &format!("`{key}`"), units::duration, "20 ms", faults));
    let (rtt, jitter) = (duration("rtt"), duration("jitter"));
    let mut rate =
        |key| fields.get(key).and_then(|node| amount(node, &format!("`{key}`"), units::rate, "5 Mbit/s", faults));
    let (up, down) = (rate("up"), rate("down"));
    if let Some(jitter_node) = fields.get("jitter")
        && jitter > rtt
    {
        let message = "the delay can't vary by more than there is of it";
        faults.add_with_help(jitter_node.spot, message, "make `jitter` smaller than `rtt`");
    }
    let ipv6 =
        fields.get("ip").is_some_and(|node| whole(node, "`ip`", 4, 6, faults).is_some_and(|v| is_six(v, node, faults)));
    let nat = fields.get("nat").map(|node| nat(node, faults)).unwrap_or_default();
    if let Some(node) = fields.get("nat").filter(|_| ipv6 && nat != Nat::NONE) {
        let help = "leave `nat` away, and write `firewall: stateful` for what a router at home does with IPv6";
        faults.add_with_help(node.spot, "IPv6 is not translated", help);
    }
    Net {
        inside: fields.get("in").and_then(|node| text(node, "`in`", "provider", faults)).map(str::to_owned),
        rtt,
        jitter,
        loss: fields.get("loss").and_then(|node| loss(node, faults)),
        up,
        down,
        nat,
        firewall: fields.get("firewall").and_then(|node| firewall(node, faults)),
        ipv6,
        isp: fields.get("isp").and_then(|node| inspection(node, faults)),
        portal: fields.get("portal").and_then(|node| flag(node, "`portal`", faults)).unwrap_or_default(),
    }
}

fn is_six(version: u64, node: &Node, faults: &mut Faults) -> bool {
    if version == 5 {
        faults.add_with_help(node.spot, "there is no IP version 5 to speak", "write `ip: 4` or `ip: 6`");
    }
    version == 6
}

fn nat(node: &Node, faults: &mut Faults) -> Nat {
    if !matches!(node.value, Value::Map(_)) {
        return Nat::Kind(name::<NatKind>(node, "`nat`", faults).unwrap_or_default());
    }
    let example = "nat: { mapping: endpoint-independent, filtering: address-dependent }";
    let fields = Fields::of(node, "`nat`", NAT_KEYS, example, faults);
    let usual = NatBehaviour::default();
    for key in ["mapping", "filtering"] {
        fields.need(key, "`nat`", example, faults);
    }
    let mut dependence = |key| fields.get(key).and_then(|node| name(node, &format!("`{key}`"), faults));
    let (mapping, filtering) = (dependence("mapping"), dependence("filtering"));
    let mut timeout = |key, usual: Duration| {
        fields.get(key).and_then(|node| some_time(node, &format!("`{key}`"), faults)).unwrap_or(usual)
    };
    let udp_timeout = timeout("udp-timeout", usual.udp_timeout);
    let tcp_timeout = timeout("tcp-timeout", usual.tcp_timeout);
    Nat::Made(NatBehaviour {
        mapping: mapping.unwrap_or(usual.mapping),
        filtering: filtering.unwrap_or(usual.filtering),
        ports: fields.get("ports").and_then(|node| name(node, "`ports`", faults)).unwrap_or(usual.ports),
        udp_timeout,
        tcp_timeout,
        hairpin: fields.get("hairpin").and_then(|node| flag(node, "`hairpin`", faults)).unwrap_or(usual.hairpin),
    })
}

fn firewall(node: &Node, faults: &mut Faults) -> Option<Firewall> {
    if !matches!(node.value, Value::Map(_)) {
        let word = text(node, "`firewall`", Firewall::STATEFUL, faults)?;
        let found = Firewall::named(word);
        if found.is_none() {
            let help = did_you_mean(word, [Firewall::STATEFUL, Firewall::OFFICE]);
            faults.add_with_help(node.spot, format!("no firewall is called `{word}`"), help);
        }
        return found;
    }
    let fields = Fields::of(node, "`firewall`", FIREWALL_KEYS, "firewall: { ports: [80, 443], udp: false }", faults);
    let ports = fields.get("ports").map(|node| {
        items(node)
            .iter()
            .filter_map(|item| whole(item, "`ports`", 1, 65_535, faults))
            .map(|port| port as u16)
            .collect()
    });
    let mut is = |key| fields.get(key).and_then(|node| flag(node, &format!("`{key}`"), faults));
    Some(Firewall { ports, udp_blocked: is("udp") == Some(false), refuses: is("refuse").unwrap_or_default() })
}

fn inspection(node: &Node, faults: &mut Faults) -> Option<Inspection> {
    let example = "isp: { matches: plaintext-bittorrent, does: reset }";
    let fields = Fields::of(node, "`isp`", ISP_KEYS, example, faults);
    let matches = fields.need("matches", "`isp`", example, faults);
    let matches: Option<Vec<FlowClass>> = matches
        .map(|node| items(node).iter().filter_map(|item| class(item, faults)).collect())
        .filter(|classes: &Vec<_>| !classes.is_empty());
    let does = fields.need("does", "`isp`", example, faults)?;
    let to = fields.get("to");
    let rate = to.and_then(|node| amount(node, "`to`", units::rate, "100 kB/s", faults));
    let action = match text(does, "`does`", "reset", faults)? {
        "drop" => InspectionAction::Drop,
        "reset" => InspectionAction::Reset,
        "throttle" => {
            if to.is_none() {
                faults.add_with_help(does.spot, "`throttle` does not say to which rate", "add `to: 100 kB/s`");
            }
            InspectionAction::Throttle(rate?)
        }
        word => {
            let help = did_you_mean(word, ["drop", "reset", "throttle"]);
            faults.add_with_help(does.spot, format!("a provider can't `{word}` a flow"), help);
            return None;
        }
    };
    if let Some(to) = to.filter(|_| !matches!(action, InspectionAction::Throttle(_))) {
        faults.add_with_help(to.spot, "`to` goes with `does: throttle`", "leave it away");
    }
    Some(Inspection { matches: matches?, action })
}

fn class(node: &Node, faults: &mut Faults) -> Option<FlowClass> {
    let word = text(node, "`matches`", "plaintext-bittorrent", faults)?;
    let found = FlowClass::ALL.into_iter().find(|class| class.name() == word);
    if found.is_none() {
        let unknown = UnknownName::new("class of flows", word, FlowClass::ALL.map(FlowClass::name).to_vec());
        faults.add_with_help(node.spot, unknown.to_string(), unknown.help());
    }
    found
}

/// What keeps callers out of a network: its border's, or that of one around it. `None` where everybody is let in.
pub(crate) fn closed_by(nets: &BTreeMap<String, Net>, name: &str) -> Option<&'static str> {
    around(nets, name).find_map(|net| match net {
        Net { nat, .. } if *nat != Nat::NONE => Some("NAT"),
        Net { firewall: Some(_), .. } => Some("firewall"),
        Net { portal: true, .. } => Some("captive portal"),
        _ => None,
    })
}

/// A network and those around it, inside out.
pub(crate) fn around<'a>(nets: &'a BTreeMap<String, Net>, name: &str) -> impl Iterator<Item = &'a Net> {
    let outer = |net: &&'a Net| net.inside.as_ref().and_then(|name| nets.get(name));
    // One that lies in itself is refused, but perhaps not yet.
    std::iter::successors(nets.get(name), outer).take(DEPTH_MAX + 1)
}

/// Every network lies in one that exists, and none in itself.
fn check_nesting(entries: &[(Key, Node)], nets: &BTreeMap<String, Net>, faults: &mut Faults) {
    for (key, node) in entries {
        let mut around = nets.get(&key.text).and_then(|net| net.inside.as_ref());
        let mut depth = 0;
        while let Some(name) = around {
            let Some(net) = nets.get(name) else {
                if depth == 0 {
                    let help = did_you_mean(name, nets.keys().map(String::as_str));
                    faults.add_with_help(
                        node.spot,
                        format!("net `{}` lies in `{name}`, and there is none", key.text),
                        help,
                    );
                }
                break;
            };
            depth += 1;
            if depth > DEPTH_MAX {
                let message = format!("net `{}` lies {DEPTH_MAX} networks deep, or in itself", key.text);
                faults.add_with_help(node.spot, message, "a home in a provider's network is two deep");
                break;
            }
            around = net.inside.as_ref();
        }
    }
}

const NETS_MAX: usize = 50;
/// A home in a provider in another: more is a mistake, and more than the simulator builds.
const DEPTH_MAX: usize = 6;
/// The network that is there when nobody from outside is let into any other.
const INTERNET: &str = "internet";
/// Who reports what the lab itself does.
const LAB: &str = "lab";
