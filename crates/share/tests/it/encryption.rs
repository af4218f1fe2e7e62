//! What the file shows to those without the password.

use std::collections::BTreeSet;
use std::fs::{self, File};

use sevenz_rust2::EncoderMethod;
use swarmlab_share::archive::{Archive, Encryption, Envelope, KEY_ROUNDS_POWER, Level, OpenError, PackOptions};

use crate::sample::{Sample, noise, password};

/// All that is said about encryption in an archive: of the list of files, then of each block. Read
/// from the file's bytes by the library, not by what we meant to write.
fn encryptions(sample: &Sample) -> Vec<Encryption> {
    let mut all = vec![Envelope::read(&sample.archive()).unwrap().encryption.unwrap()];
    let password = sevenz_rust2::Password::from(password().expose());
    let archive = sevenz_rust2::Archive::read(&mut File::open(sample.archive()).unwrap(), &password).unwrap();
    for coder in archive.blocks.iter().flat_map(|block| &block.coders) {
        if coder.encoder_method_id() == EncoderMethod::ID_AES256_SHA256 {
            let settings = coder.properties();
            assert_eq!(settings.len(), 34);
            all.push(Encryption {
                rounds_power: settings[0] & 63,
                salt: settings[2..18].to_vec(),
                iv: settings[18..].to_vec(),
            });
        }
    }
    all
}

#[test]
fn the_key_takes_2_to_the_19_rounds_everywhere() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let all = encryptions(&sample);
    assert_eq!(all.len(), 3, "the list, what is stored, what is compressed");
    assert!(all.iter().all(|one| one.rounds_power == 19), "{all:?}");
    assert_eq!(KEY_ROUNDS_POWER, 19);
}

#[test]
fn no_vector_is_used_twice() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let first = encryptions(&sample);
    sample.pack(&PackOptions { replace: true, ..PackOptions::default() });
    let second = encryptions(&sample);
    let ivs: BTreeSet<Vec<u8>> = first.iter().chain(&second).map(|one| one.iv.clone()).collect();
    assert_eq!(ivs.len(), first.len() + second.len());
    assert!(ivs.iter().all(|iv| iv.len() == 16 && iv.iter().any(|byte| *byte != 0)));
    assert_ne!(first[0].salt, second[0].salt);
}

#[test]
fn equal_files_do_not_give_equal_ciphertext() {
    let sample = Sample::empty();
    for name in ["a", "b", "c"] {
        sample.add(name, &noise(50_000, 3));
        sample.add(&format!("{name}-blank"), &[b' '; 40_000]);
    }
    sample.pack(&PackOptions { level: Level::STORE, ..PackOptions::default() });
    let bytes = fs::read(sample.archive()).unwrap();
    let blocks: Vec<&[u8]> = bytes[32..].chunks_exact(16).collect();
    let different: BTreeSet<&[u8]> = blocks.iter().copied().collect();
    assert_eq!(different.len(), blocks.len());
}

#[test]
fn the_same_folder_twice_gives_different_bytes() {
    let sample = Sample::new();
    let packed = |sample: &Sample| {
        sample.pack(&PackOptions { replace: true, ..PackOptions::default() });
        fs::read(sample.archive()).unwrap()
    };
    let (first, second) = (packed(&sample), packed(&sample));
    // The last bytes tell in plain words how the list is packed, so they are alike.
    let encrypted = 32..first.len().min(second.len()) - 200;
    let pairs = first[encrypted.clone()].chunks(16).zip(second[encrypted].chunks(16));
    assert_eq!(pairs.filter(|(a, b)| a == b).count(), 0);
}

#[test]
fn names_and_contents_are_not_in_the_bytes() {
    let sample = Sample::new();
    sample.add("secret-name.txt", b"secret content that nobody shall read");
    sample.pack(&PackOptions { level: Level::STORE, ..PackOptions::default() });
    let bytes = fs::read(sample.archive()).unwrap();
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let utf16: Vec<u8> = "secret-name".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(!has(&utf16) && !has(b"secret-name") && !has(b"secret content"));
}

#[test]
fn without_the_right_password_nothing_opens() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    assert!(matches!(Archive::open(&sample.archive(), None), Err(OpenError::PasswordNeeded)));
    for wrong in ["x", "vessel-cognitive-dimple-uphill-starry-pelle", "VESSEL-cognitive-dimple-uphill-starry-pellet"] {
        let wrong = swarmlab_share::Password::new(wrong.to_owned()).unwrap();
        let error = Archive::open(&sample.archive(), Some(&wrong)).unwrap_err();
        assert!(matches!(error, OpenError::WrongPassword), "{error}");
    }
}

#[test]
fn a_damaged_list_of_files_is_not_taken_for_a_wrong_password() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let mut bytes = fs::read(sample.archive()).unwrap();
    // The encrypted list lies right before the unencrypted header, which is about a hundred bytes.
    let place = bytes.len() - 200;
    bytes[place] ^= 1;
    fs::write(sample.archive(), &bytes).unwrap();
    let error = Archive::open(&sample.archive(), Some(&password())).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
}

#[test]
fn nothing_that_is_debugged_shows_the_password() {
    let sample = Sample::new();
    sample.pack(&PackOptions::default());
    let shown = format!("{:?} {:?}", sample.open(), password());
    assert!(!shown.contains("vessel") && !shown.contains("118, 0, 101, 0"), "{shown}");
}
