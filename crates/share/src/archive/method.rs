//! The methods of the 7z format: which we unpack, and what memory and time they may ask for.

use sevenz_rust2::EncoderMethod;

/// Why an archive is not unpacked because of how it was packed. Fits after "failed to open x: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// Named where the name is known, its number in hexadecimal digits otherwise.
    #[error("it is packed with {0}, which is not known here: 7-Zip or a relative of it may unpack it")]
    Unknown(String),
    /// Holds the mebibytes asked for.
    #[error("unpacking asks for {0} MiB of memory, and {MEMORY_MIB_MAX} are the most that it gets here")]
    Memory(u64),
    /// Holds the power of two of the rounds asked for.
    #[error("deriving its key takes 2^{0} rounds, and 2^{ROUNDS_POWER_MAX} are the most that it gets here")]
    Rounds(u8),
    /// Properties that say nothing.
    #[error("the settings of {0} in it are damaged")]
    Settings(&'static str),
}

/// Checks one step of unpacking, by the number of its method and its settings. Answers with the
/// memory it takes, in bytes.
pub(crate) fn check(id: &[u8], properties: &[u8]) -> Result<u64, MethodError> {
    let memory = match id {
        EncoderMethod::ID_COPY | EncoderMethod::ID_DELTA => 0,
        EncoderMethod::ID_AES256_SHA256 => {
            let settings = AesSettings::read(properties).ok_or(MethodError::Settings("AES"))?;
            if settings.rounds() > 1 << ROUNDS_POWER_MAX {
                return Err(MethodError::Rounds(settings.rounds_power));
            }
            0
        }
        EncoderMethod::ID_BCJ_X86
        | EncoderMethod::ID_BCJ_PPC
        | EncoderMethod::ID_BCJ_IA64
        | EncoderMethod::ID_BCJ_ARM
        | EncoderMethod::ID_BCJ_ARM64
        | EncoderMethod::ID_BCJ_ARM_THUMB
        | EncoderMethod::ID_BCJ_SPARC
        | EncoderMethod::ID_BCJ_RISCV
        | EncoderMethod::ID_BCJ2 => 0,
        EncoderMethod::ID_LZMA => number_at_1(properties).ok_or(MethodError::Settings("LZMA"))?,
        EncoderMethod::ID_LZMA2 => lzma2_dictionary(properties).ok_or(MethodError::Settings("LZMA2"))?,
        EncoderMethod::ID_PPMD => number_at_1(properties).ok_or(MethodError::Settings("PPMd"))?,
        EncoderMethod::ID_BZIP2 => 8 << 20,
        other => return Err(MethodError::Unknown(name(other))),
    };
    check_memory(memory).map(|()| memory)
}

/// Checks the memory of one block's steps together, in bytes.
pub(crate) fn check_memory(bytes: u64) -> Result<(), MethodError> {
    if bytes > MEMORY_MIB_MAX << 20 { Err(MethodError::Memory(bytes >> 20)) } else { Ok(()) }
}

/// True for the cipher.
pub(crate) fn is_aes(id: &[u8]) -> bool {
    id == EncoderMethod::ID_AES256_SHA256
}

/// Rounds that the key of an AES step takes to derive, and what makes the key another: two steps with
/// the same answer share a key.
pub(crate) fn key_derivation(id: &[u8], properties: &[u8]) -> Option<(u64, Vec<u8>)> {
    let settings = is_aes(id).then(|| AesSettings::read(properties))??;
    Some((settings.rounds(), settings.salt))
}

/// Settings of AES-256 in the 7z format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AesSettings {
    /// The key takes 2 to this power rounds of SHA-256.
    pub(crate) rounds_power: u8,
    pub(crate) salt: Vec<u8>,
    pub(crate) iv: Vec<u8>,
}

impl AesSettings {
    /// A byte with the power and two top bits, a byte with two sizes, the salt, the vector.
    pub(crate) fn read(properties: &[u8]) -> Option<Self> {
        let first = *properties.first()?;
        let sizes = properties.get(1).copied().unwrap_or(0);
        let iv_size = usize::from((first >> 6 & 1) + (sizes & 15));
        let salt_size = usize::from((first >> 7) + (sizes >> 4));
        let salt = properties.get(2..2 + salt_size).or((salt_size == 0).then_some(&[][..]))?;
        let iv = properties.get(2 + salt_size..2 + salt_size + iv_size).or((iv_size == 0).then_some(&[][..]))?;
        Some(Self { rounds_power: first & 63, salt: salt.to_vec(), iv: iv.to_vec() })
    }

    fn rounds(&self) -> u64 {
        // 63 stands for "the password is the key".
        if self.rounds_power == 63 { 0 } else { 1u64.checked_shl(self.rounds_power.into()).unwrap_or(u64::MAX) }
    }
}

fn number_at_1(properties: &[u8]) -> Option<u64> {
    let bytes: [u8; 4] = properties.get(1..5)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes).into())
}

/// A step of two a power: 4 KiB, 6 KiB, 8 KiB, 12 KiB, ... 4 GiB.
fn lzma2_dictionary(properties: &[u8]) -> Option<u64> {
    let step = u64::from(*properties.first()?);
    if step > 40 { None } else { Some((2 | (step & 1)) << (step / 2 + 11)) }
}

fn name(id: &[u8]) -> String {
    match EncoderMethod::by_id(id) {
        Some(method) => method.name().to_owned(),
        None => format!("the method {}", id.iter().map(|byte| format!("{byte:02X}")).collect::<String>()),
    }
}

/// 32 times those of 7-Zip; the library derives no key with more.
const ROUNDS_POWER_MAX: u8 = 24;

/// 7-Zip's strongest level takes 256, and up to 1536 where somebody sets it so by hand.
const MEMORY_MIB_MAX: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_the_settings_ask_for() {
        assert_eq!(check(EncoderMethod::ID_LZMA2, &[24]), Ok(16 << 20));
        assert_eq!(check(EncoderMethod::ID_LZMA2, &[25]), Ok(24 << 20));
        assert_eq!(check(EncoderMethod::ID_LZMA2, &[40]), Err(MethodError::Memory(4096)));
        assert_eq!(check(EncoderMethod::ID_LZMA2, &[41]), Err(MethodError::Settings("LZMA2")));
        assert_eq!(check(EncoderMethod::ID_LZMA, &[0x5d, 0, 0, 0x10, 0]), Ok(1 << 20));
        assert_eq!(check(EncoderMethod::ID_LZMA, &[0x5d, 0, 0]), Err(MethodError::Settings("LZMA")));
        assert_eq!(check(EncoderMethod::ID_PPMD, &[6, 0, 0, 0, 0xF0]), Err(MethodError::Memory(3840)));
    }

    #[test]
    fn unknown_methods_have_a_name_or_a_number() {
        assert_eq!(check(EncoderMethod::ID_ZSTD, &[]), Err(MethodError::Unknown("ZSTD".into())));
        assert_eq!(check(&[0x09, 0xAB], &[]), Err(MethodError::Unknown("the method 09AB".into())));
    }

    #[test]
    fn settings_of_aes_read_as_7_zip_and_we_write_them() {
        // 7-Zip: no salt, eight bytes of vector. Ours: sixteen of both.
        let theirs = [0x53, 0x07, 1, 2, 3, 4, 5, 6, 7, 8];
        let settings = AesSettings::read(&theirs).unwrap();
        assert_eq!((settings.rounds_power, settings.salt.len(), settings.iv.len()), (19, 0, 8));
        let mut ours = vec![0xD3, 0xFF];
        ours.extend(0..32);
        let settings = AesSettings::read(&ours).unwrap();
        assert_eq!((settings.rounds_power, settings.salt.len(), settings.iv.len()), (19, 16, 16));
        assert_eq!(settings.rounds(), 1 << 19);
        assert_eq!(AesSettings::read(&ours[..33]), None);
        assert_eq!(AesSettings::read(&[]), None);
        assert_eq!(AesSettings::read(&[0x3F]).unwrap().rounds(), 0);
    }

    #[test]
    fn a_key_of_too_many_rounds_is_refused_as_such() {
        let aes = |power: u8| check(EncoderMethod::ID_AES256_SHA256, &[power, 0]);
        for power in [0, 19, 24, 63] {
            assert_eq!(aes(power), Ok(0), "{power}");
        }
        for power in [25, 40, 62] {
            assert_eq!(aes(power), Err(MethodError::Rounds(power)));
        }
        assert_eq!(check(EncoderMethod::ID_AES256_SHA256, &[]), Err(MethodError::Settings("AES")));
    }
}
