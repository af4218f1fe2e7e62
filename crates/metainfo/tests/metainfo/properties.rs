//! What holds for every torrent, tried on many made up by chance.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{Block, BlockOffset, PieceIndex};
use proptest::prelude::*;
use swarmlab_metainfo::{BuildError, Builder, Info, LayoutError, Magnet, Metainfo, RelativePath, fuzz};

use crate::bencode::{folder, single, torrent};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn arbitrary_bytes_are_refused_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz::exercise(&bytes);
    }

    #[test]
    fn bencode_of_chance_never_panics(bytes in bencoded()) {
        fuzz::exercise(&bytes);
        fuzz::exercise(&[b"d4:info", &bytes[..], b"e"].concat());
    }

    #[test]
    fn a_torrent_with_a_bent_byte_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        for info in [single(), folder(&[&["a", "b"], &["c"]])] {
            let mut bytes = torrent(&info).bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            fuzz::exercise(&bytes);
        }
    }

    #[test]
    fn what_is_built_is_read_back((builder, hashes) in builders()) {
        let built = builder.build(&hashes).unwrap();
        let read = Metainfo::from_bytes(&built.to_bytes()).unwrap();
        prop_assert_eq!(&read, &built);
        prop_assert_eq!(Info::from_bytes(built.info.raw().clone()).unwrap().info_hash(), read.info.info_hash());
        prop_assert_eq!(read.info.geometry(), &builder.plan().unwrap());
        prop_assert_eq!(read.info.is_private(), builder.private);
        prop_assert_eq!(read.info.source(), builder.source.as_deref());
        for (i, hash) in hashes.iter().enumerate() {
            prop_assert_eq!(read.info.piece_hash(PieceIndex(i as u32)), *hash);
        }
    }

    #[test]
    fn the_order_in_which_files_are_found_does_not_matter((builder, hashes) in builders()) {
        let mut reversed = builder.clone();
        reversed.files.reverse();
        prop_assert_eq!(reversed.build(&hashes).unwrap().to_bytes(), builder.build(&hashes).unwrap().to_bytes());
    }

    #[test]
    fn blocks_cover_each_byte_of_each_file_once_and_in_order((builder, _) in builders()) {
        let plan = builder.plan().unwrap();
        let mut next: BTreeMap<usize, u64> = BTreeMap::new();
        let mut total = 0;
        for piece in (0..plan.piece_count()).map(PieceIndex) {
            for block in plan.blocks(piece) {
                prop_assert!(plan.contains(block));
                for slice in plan.slices(block.piece, block.offset.0, block.length) {
                    let at = next.entry(slice.file).or_default();
                    prop_assert_eq!(slice.offset, *at);
                    *at += slice.length;
                    total += slice.length;
                }
            }
        }
        prop_assert_eq!(total, plan.total_length().0);
        for (i, file) in plan.files().iter().enumerate() {
            prop_assert_eq!(next.get(&i).copied().unwrap_or(0), file.length);
        }
    }

    #[test]
    fn any_range_inside_a_piece_has_its_slices((builder, _) in builders(), piece in any::<prop::sample::Index>(), from in any::<u32>(), length in any::<u32>()) {
        let plan = builder.plan().unwrap();
        let piece = PieceIndex(piece.index(plan.piece_count() as usize) as u32);
        let from = from % plan.piece_size(piece);
        let length = length % (plan.piece_size(piece) - from) + 1;
        let block = Block { piece, offset: BlockOffset(from), length };
        prop_assert!(plan.contains(block));
        let mut at = plan.piece_offset(piece) + u64::from(from);
        for slice in plan.slices(piece, from, length) {
            let file = &plan.files()[slice.file];
            prop_assert_eq!(file.offset + slice.offset, at);
            prop_assert!(slice.offset + slice.length <= file.length);
            at += slice.length;
        }
        prop_assert_eq!(at, plan.piece_offset(piece) + u64::from(from) + u64::from(length));
    }

    #[test]
    fn contains_answers_for_any_block_without_panic(piece in any::<u32>(), offset in any::<u32>(), length in any::<u32>()) {
        let info = Info::from_bytes(Bytes::from(single().bytes())).unwrap();
        let block = Block { piece: PieceIndex(piece), offset: BlockOffset(offset), length };
        let size = match piece { 0 => 16_384, 1 => 3_616, _ => 0 };
        prop_assert_eq!(info.contains(block), length > 0 && u64::from(offset) + u64::from(length) <= size);
    }

    #[test]
    fn a_path_that_is_taken_stays_inside_its_folder(names in proptest::collection::vec("[a.:/\\\\ CON\u{0}-\u{1f}é]{0,6}", 0..5)) {
        if let Ok(path) = RelativePath::from_components(names.iter().map(String::as_str)) {
            let root = std::path::Path::new("/root");
            let full = path.under(root);
            prop_assert!(full.starts_with(root));
            let plain = |c: std::path::Component<'_>| matches!(c, std::path::Component::Normal(_));
            prop_assert!(full.strip_prefix(root).unwrap().components().all(plain));
            prop_assert_eq!(full.components().count(), root.components().count() + names.len());
            prop_assert_eq!(path.as_str().parse::<RelativePath>(), Ok(path.clone()));
            prop_assert_eq!(RelativePath::from_path(full.strip_prefix(root).unwrap()), Ok(path));
        }
    }

    #[test]
    fn magnets_are_read_as_they_were_written(hash in any::<[u8; 20]>(), name in proptest::option::of(".*"), trackers in proptest::collection::btree_set(".+", 0..4), port in 1..u16::MAX) {
        let magnet = Magnet {
            info_hash: model::InfoHash(hash),
            name,
            trackers: trackers.into_iter().collect(),
            web_seeds: vec!["http://a b/".to_owned()],
            peers: vec![([10, 0, 0, 1], port).into()],
        };
        prop_assert_eq!(magnet.to_string().parse::<Magnet>(), Ok(magnet));
    }

    #[test]
    fn any_text_is_a_magnet_or_an_error(text in "(magnet:\\?)?(xt=urn:btih:[0-9a-f]{40}|.{0,20})(&(tr|dn|x.pe|xt|.{0,3})=.{0,20}){0,4}") {
        fuzz::exercise(text.as_bytes());
    }
}

/// Builders whose files do not clash, with as many hashes as they need.
fn builders() -> impl Strategy<Value = (Builder, Vec<[u8; 20]>)> {
    let path = proptest::collection::vec("[a-c]|é|x y", 1..4).prop_map(|names| names.join("/"));
    let length = prop_oneof![Just(0u64), 1..100u64, 1..200_000u64];
    let files = proptest::collection::btree_map(path, length, 1..12);
    let piece = prop_oneof![Just(16u32), Just(1 << 14), Just(3 << 14), Just(1 << 17)];
    let texts = (proptest::option::of("[ -~]{0,9}"), proptest::option::of(".{0,9}"), any::<bool>());
    (files, piece, texts, any::<[u8; 20]>()).prop_filter_map("clashing or empty", |(files, piece, texts, seed)| {
        // Small pieces of large files are many hashes and no news.
        let files = files.into_iter().map(|(path, n)| (path.parse().unwrap(), if piece < 1024 { n % 300 } else { n }));
        let (source, comment, private) = texts;
        let builder =
            Builder { piece_length: piece, source, comment, private, ..Builder::folder("top", files.collect()) };
        match builder.plan() {
            Ok(plan) => Some((builder, (0..plan.piece_count()).map(|i| seed.map(|b| b ^ i as u8)).collect())),
            Err(BuildError::Layout(LayoutError::NoBytes | LayoutError::FileIsFolder { .. })) => None,
            Err(e) => panic!("{e}"),
        }
    })
}

/// Well-formed bencode, with keys that torrents have.
fn bencoded() -> impl Strategy<Value = Vec<u8>> {
    let key = prop_oneof![
        Just("length"),
        Just("name"),
        Just("piece length"),
        Just("pieces"),
        Just("files"),
        Just("path"),
        Just("attr"),
        Just("info"),
        Just("announce-list"),
        Just("url-list"),
        Just("private"),
        Just("?")
    ];
    let leaf = prop_oneof![
        any::<i64>().prop_map(|n| format!("i{n}e").into_bytes()),
        (0..100_000i64).prop_map(|n| format!("i{n}e").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..30).prop_map(|b| [format!("{}:", b.len()).into_bytes(), b].concat()),
        Just([b"20:".as_slice(), &[7; 20]].concat()),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let dict = proptest::collection::btree_map(key.clone(), inner.clone(), 0..8).prop_map(|fields| {
            let body: Vec<u8> = fields
                .iter()
                .flat_map(|(k, v)| [format!("{}:{k}", k.len()).into_bytes(), v.clone()].concat())
                .collect();
            [b"d", &body[..], b"e"].concat()
        });
        let list = proptest::collection::vec(inner, 0..6).prop_map(|items| [b"l", &items.concat()[..], b"e"].concat());
        prop_oneof![dict, list]
    })
}
