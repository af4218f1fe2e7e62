//! The torrents that an incoming connection may be about.

use std::collections::BTreeMap;

use model::InfoHash;

use super::Secret;
use super::keys::skey_hash;

/// Info-hashes by HASH('req2', SKEY), which is what the wire tells of them. Made once per
/// torrent, so that a connection costs one hash and one look-up however many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkeyTable {
    by_hash: BTreeMap<[u8; 20], InfoHash>,
}

impl SkeyTable {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a torrent. False: it was in.
    pub fn insert(&mut self, skey: InfoHash) -> bool {
        self.by_hash.insert(skey_hash(skey), skey).is_none()
    }

    /// Takes a torrent out. False: it was not in.
    pub fn remove(&mut self, skey: InfoHash) -> bool {
        self.by_hash.remove(&skey_hash(skey)).is_some()
    }

    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// The torrent behind HASH('req2', SKEY) xor HASH('req3', S).
    pub fn find(&self, secret: &Secret, covered: [u8; 20]) -> Option<InfoHash> {
        self.by_hash.get(&secret.cover(covered)).copied()
    }
}

impl FromIterator<InfoHash> for SkeyTable {
    fn from_iter<I: IntoIterator<Item = InfoHash>>(skeys: I) -> Self {
        let mut table = Self::new();
        skeys.into_iter().for_each(|skey| {
            table.insert(skey);
        });
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_ten_thousand_torrents_is_found_and_no_other() {
        let skey = |n: u32| {
            let mut hash = [7; 20];
            hash[..4].copy_from_slice(&n.to_be_bytes());
            InfoHash(hash)
        };
        let mut table: SkeyTable = (0..10_000).map(skey).collect();
        let secret = Secret::new([9; 96]);
        let covered = |n| secret.cover(skey_hash(skey(n)));
        for n in [0, 1, 5_000, 9_999] {
            assert_eq!(table.find(&secret, covered(n)), Some(skey(n)));
        }
        assert_eq!(table.find(&secret, covered(10_000)), None);
        assert_eq!(table.find(&Secret::new([8; 96]), covered(0)), None, "another secret uncovers something else");
        assert!(!table.insert(skey(5)) && table.remove(skey(5)) && !table.remove(skey(5)));
        assert_eq!((table.len(), table.find(&secret, covered(5))), (9_999, None));
    }
}
