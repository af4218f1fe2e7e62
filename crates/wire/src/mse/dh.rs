//! Diffie-Hellman in the group of the specification: a 768-bit safe prime, generator 2.

use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{U192, U768, const_monty_params};

use super::{KEY_BYTES, MseError, Secret};

const_monty_params!(
    Prime,
    U768,
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74\
     020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437\
     4fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563"
);

type Number = ConstMontyForm<Prime, { U768::LIMBS }>;

/// 2^secret mod p, big-endian.
pub(super) fn public_key(secret: &[u8; 20]) -> [u8; KEY_BYTES] {
    power(&U768::from_u8(2), secret)
}

/// theirs^secret mod p, big-endian.
///
/// Refused are keys whose powers are few, whatever the secret: 0, 1, p-1, and what is no
/// remainder of p at all. p is safe, so no other key has a small order.
pub(super) fn shared_secret(theirs: &[u8; KEY_BYTES], secret: &[u8; 20]) -> Result<Secret, MseError> {
    let theirs = U768::from_be_slice(theirs);
    let last = prime().wrapping_sub(&U768::ONE);
    if theirs <= U768::ONE || theirs >= last {
        return Err(MseError::WeakKey);
    }
    Ok(Secret::new(power(&theirs, secret)))
}

fn power(base: &U768, exponent: &[u8; 20]) -> [u8; KEY_BYTES] {
    let mut wide = [0; 24];
    wide[4..].copy_from_slice(exponent);
    let power = Number::new(base).pow_bounded_exp(&U192::from_be_slice(&wide), 160);
    let mut bytes = [0; KEY_BYTES];
    bytes.copy_from_slice(power.retrieve().to_be_bytes().as_ref());
    bytes
}

fn prime() -> U768 {
    *Number::MODULUS.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(number: &U768) -> [u8; KEY_BYTES] {
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(number.to_be_bytes().as_ref());
        bytes
    }

    #[test]
    fn both_sides_come_to_one_secret() {
        let (ours, theirs) = ([0xff; 20], [3; 20]);
        let secret = shared_secret(&public_key(&ours), &theirs).unwrap();
        assert_eq!(secret, shared_secret(&public_key(&theirs), &ours).unwrap());
        assert_ne!(secret, shared_secret(&public_key(&theirs), &[4; 20]).unwrap());
    }

    #[test]
    fn a_small_power_is_what_it_is() {
        let mut three = [0; 20];
        three[19] = 3;
        assert_eq!(public_key(&three), bytes(&U768::from_u8(8)));
        assert_eq!(*shared_secret(&bytes(&U768::from_u8(5)), &three).unwrap().reveal(), bytes(&U768::from_u8(125)));
    }

    #[test]
    fn keys_whose_powers_are_few_are_refused() {
        let below = |n| prime().wrapping_sub(&U768::from_u8(n));
        let weak = [U768::ZERO, U768::ONE, below(1), below(0), prime().wrapping_add(&U768::ONE), U768::MAX];
        for key in weak {
            assert_eq!(shared_secret(&bytes(&key), &[7; 20]), Err(MseError::WeakKey), "{key}");
        }
        for key in [U768::from_u8(2), below(2)] {
            assert!(shared_secret(&bytes(&key), &[7; 20]).is_ok(), "{key}");
        }
    }
}
