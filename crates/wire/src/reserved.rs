//! The eight reserved bytes of the handshake: each bit announces something that BEP 3 lacks.

use std::fmt;

/// What a peer says it can do beyond BEP 3, as sent.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reserved(pub [u8; 8]);

impl Reserved {
    /// Ours: the extension protocol (BEP 10) and the fast extension (BEP 6). No DHT.
    pub const fn ours() -> Self {
        Self([0, 0, 0, 0, 0, EXTENSION_PROTOCOL, 0, FAST])
    }

    /// BEP 10: "bit 20 from the right".
    pub const fn extension_protocol(self) -> bool {
        self.0[5] & EXTENSION_PROTOCOL != 0
    }

    /// BEP 6: "the third least significant bit in the last reserved byte".
    pub const fn fast(self) -> bool {
        self.0[7] & FAST != 0
    }

    /// BEP 5: "the last bit of the 8-byte reserved flags".
    pub const fn dht(self) -> bool {
        self.0[7] & DHT != 0
    }

    /// BEP 52: "the 4th most significant bit in the last byte": the sender of a v1 handshake
    /// also has the torrent in its second version.
    pub const fn v2(self) -> bool {
        self.0[7] & V2 != 0
    }

    /// The bits set, from the left, by name; `bit-0` to `bit-63` where no name is known.
    ///
    /// ```
    /// # use swarmlab_wire::Reserved;
    /// assert_eq!(Reserved::ours().names(), ["extension-protocol", "fast"]);
    /// ```
    pub fn names(self) -> Vec<&'static str> {
        let bits = u64::from_be_bytes(self.0);
        NAMES.iter().enumerate().filter(|(i, _)| bits >> (63 - i) & 1 == 1).map(|(_, name)| *name).collect()
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reserved({:016x})", u64::from_be_bytes(self.0))
    }
}

const EXTENSION_PROTOCOL: u8 = 0x10;
const FAST: u8 = 0x04;
const DHT: u8 = 0x01;
const V2: u8 = 0x10;

/// One row a byte, its high bit first. Names beyond those of a BEP are by custom: Vuze's
/// messaging and the negotiation between it and BEP 10, location awareness, XBT's own peer
/// exchange, and an early form of hole punching.
#[rustfmt::skip]
const NAMES: [&str; 64] = [
    "azureus", "bit-1",  "bit-2",  "bit-3",              "bit-4",          "bit-5",  "bit-6",                  "bit-7",
    "bit-8",   "bit-9",  "bit-10", "bit-11",             "bit-12",         "bit-13", "bit-14",                 "bit-15",
    "bit-16",  "bit-17", "bit-18", "bit-19",             "location-aware", "bit-21", "bit-22",                 "bit-23",
    "bit-24",  "bit-25", "bit-26", "bit-27",             "bit-28",         "bit-29", "bit-30",                 "bit-31",
    "bit-32",  "bit-33", "bit-34", "bit-35",             "bit-36",         "bit-37", "bit-38",                 "bit-39",
    "bit-40",  "bit-41", "bit-42", "extension-protocol", "bit-44",         "bit-45", "extension-negotiation-1", "extension-negotiation-2",
    "bit-48",  "bit-49", "bit-50", "bit-51",             "bit-52",         "bit-53", "bit-54",                 "bit-55",
    "bit-56",  "bit-57", "bit-58", "v2",                 "nat-traversal",  "fast",   "xbt-peer-exchange",      "dht",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_answers_to_its_name() {
        let table: &[([u8; 8], &[&str])] = &[
            ([0; 8], &[]),
            ([0, 0, 0, 0, 0, 0x10, 0, 0x05], &["extension-protocol", "fast", "dht"]),
            ([0x80, 0, 0, 0, 0, 0x12, 0, 0x10], &["azureus", "extension-protocol", "extension-negotiation-1", "v2"]),
            ([0, 0x01, 0x08, 0, 0, 0, 0, 0x0a], &["bit-15", "location-aware", "nat-traversal", "xbt-peer-exchange"]),
        ];
        for (bytes, names) in table {
            assert_eq!(Reserved(*bytes).names(), *names);
        }
        assert_eq!(Reserved([0xff; 8]).names().len(), 64);
    }

    #[test]
    fn ours_is_read_as_written() {
        let ours = Reserved::ours();
        assert!(ours.extension_protocol() && ours.fast());
        assert!(!ours.dht() && !ours.v2());
        assert_eq!(ours, Reserved([0, 0, 0, 0, 0, 0x10, 0, 0x04]));
    }

    #[test]
    fn unnamed_bits_count_from_the_left() {
        for (i, name) in NAMES.iter().enumerate() {
            if let Some(number) = name.strip_prefix("bit-") {
                assert_eq!(number, i.to_string());
            }
        }
    }
}
