//! Why an encrypted handshake fails. After any of these the connection is of no use; the text goes
//! to the event that says why.

use super::{Methods, PADDING_BYTES_MAX};

/// What the other side did that ends the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MseError {
    /// Both: a public key outside 2 to p-2 makes a secret that anyone can name.
    #[error("their public key is 0, 1, p-1 or not below the prime p: anyone could tell the secret it leads to")]
    WeakKey,
    /// B: the mark that ends PadA did not come in time.
    #[error(
        "no HASH('req1', S) begins in the {} bytes after their key: they computed another secret, or this is no encrypted BitTorrent at all",
        PADDING_BYTES_MAX + 1
    )]
    NoKeyHash,
    /// B: A hashed an info-hash that is not in the table.
    #[error(
        "none of our torrents matches their key (SKEY): they want another torrent, or are one of 256 connections that libtorrent before 2.0.13 gets wrong"
    )]
    UnknownSkey,
    /// B: what follows the hashes does not decrypt to the constant.
    #[error("their verification constant (VC) does not decrypt to zeros: they encrypt with another key")]
    WrongConstant,
    /// A: the encrypted constant, which ends PadB, did not come in time.
    #[error(
        "no encrypted verification constant (VC) begins in the {} bytes after their key: they do not have our torrent (SKEY), or do not speak encrypted BitTorrent",
        PADDING_BYTES_MAX + 1
    )]
    NoConstant,
    /// Both: a length that no padding has.
    #[error("{name} of {found} bytes: at most {limit} are allowed")]
    PaddingTooLong {
        /// `PadC` or `PadD`.
        name: &'static str,
        found: u16,
        limit: u16,
    },
    /// B: nothing that A offers is accepted here.
    #[error("no method in common: they offer {offered}, we accept {accepted}")]
    NoCommonMethod { offered: Methods, accepted: Methods },
    /// A: the answer is not one of the methods on offer.
    #[error("they selected {selected} (crypto_select {bits:#010x}) where one of {offered} was on offer")]
    NotOffered {
        /// `crypto_select` as it was read.
        bits: u32,
        /// The methods that these bits name.
        selected: Methods,
        offered: Methods,
    },
}
