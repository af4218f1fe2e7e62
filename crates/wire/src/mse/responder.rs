//! B: the side that was dialled. It answers a key with its own, learns which torrent is meant, and
//! chooses among what A can do.

use std::collections::VecDeque;
use std::mem;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::InfoHash;

use super::search::Search;
use super::{
    Cipher, Dice, KEY_BYTES, Methods, MseError, Next, PADDING_BYTES_MAX, Progress, Rc4, Secret, Secured, SkeyTable,
    Step, StreamKeys, VC_BYTES, dh,
};

/// The handshake of the side that was dialled. See the [module](super) for how to drive it.
#[derive(Debug)]
pub struct Responder {
    dice: Dice,
    accept: Methods,
    stage: Stage,
    output: VecDeque<Bytes>,
    steps: VecDeque<Step>,
}

#[derive(Debug)]
enum Stage {
    /// Their public key comes.
    Key,
    /// PadA comes, of unknown length, and HASH('req1', S) that ends it.
    KeyHash {
        search: Search<HASH_BYTES>,
        secret: Secret,
    },
    /// The hash of the torrent comes.
    Skey(Secret),
    /// VC, `crypto_provide` and len(PadC) come.
    Offer(Keys),
    /// PadC and len(IA) come.
    Padding {
        offered: Methods,
        length: u16,
        keys: Keys,
    },
    /// IA comes.
    Payload {
        cipher: Cipher,
        length: u16,
        keys: Keys,
    },
    /// Nothing comes that is ours.
    Spent,
    Failed(MseError),
}

#[derive(Debug)]
struct Keys {
    secret: Secret,
    skey: InfoHash,
    send: Rc4,
    receive: Rc4,
}

impl Responder {
    /// Selects RC4 where both sides can, else plaintext where both can, else fails.
    ///
    /// # Panics
    /// When a padding in `dice` is too long.
    pub fn new(dice: Dice, accept: Methods) -> Self {
        dice.check();
        Self { dice, accept, stage: Stage::Key, output: VecDeque::new(), steps: VecDeque::new() }
    }

    /// Takes from the front of `buf` what belongs to the handshake, which must be about one of
    /// `skeys`. An error is final: the same comes again at every further call.
    pub fn receive(&mut self, buf: &mut BytesMut, skeys: &SkeyTable) -> Result<Progress, MseError> {
        loop {
            match self.advance(buf, skeys) {
                Ok(Next::Go(stage)) => self.stage = stage,
                Ok(Next::Stay(stage)) => {
                    self.stage = stage;
                    return Ok(Progress::Wants);
                }
                Ok(Next::Done(secured)) => return Ok(Progress::Done(secured)),
                Err(error) => {
                    self.stage = Stage::Failed(error);
                    return Err(error);
                }
            }
        }
    }

    /// The next bytes to send.
    pub fn take_output(&mut self) -> Option<Bytes> {
        self.output.pop_front()
    }

    /// The next thing that happened.
    pub fn take_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    fn advance(&mut self, buf: &mut BytesMut, skeys: &SkeyTable) -> Result<Next<Stage>, MseError> {
        match mem::replace(&mut self.stage, Stage::Spent) {
            Stage::Key => self.take_key(buf),
            Stage::KeyHash { search, secret } => self.take_key_hash(search, secret, buf),
            Stage::Skey(secret) => self.take_skey(secret, buf, skeys),
            Stage::Offer(keys) => self.take_offer(keys, buf),
            Stage::Padding { offered, length, keys } => self.take_padding(offered, length, keys, buf),
            Stage::Payload { cipher, length, keys } => Ok(take_payload(cipher, length, keys, buf)),
            Stage::Spent => Ok(Next::Stay(Stage::Spent)),
            Stage::Failed(error) => Err(error),
        }
    }

    fn take_key(&mut self, buf: &mut BytesMut) -> Result<Next<Stage>, MseError> {
        let Some(theirs) = buf.first_chunk::<KEY_BYTES>() else { return Ok(Next::Stay(Stage::Key)) };
        let secret = dh::shared_secret(theirs, &self.dice.secret)?;
        buf.advance(KEY_BYTES);
        self.steps.push_back(Step::KeyReceived);
        let answer = [&dh::public_key(&self.dice.secret)[..], &self.dice.pad].concat();
        self.output.push_back(answer.into());
        self.steps.push_back(Step::KeySent { padding: self.dice.pad.len() as u16 });
        Ok(Next::Go(Stage::KeyHash { search: Search::new(secret.key_hash()), secret }))
    }

    fn take_key_hash(
        &mut self,
        mut search: Search<HASH_BYTES>,
        secret: Secret,
        buf: &mut BytesMut,
    ) -> Result<Next<Stage>, MseError> {
        let Some(bytes) = search.take(buf).map_err(|_| MseError::NoKeyHash)? else {
            return Ok(Next::Stay(Stage::KeyHash { search, secret }));
        };
        self.steps.push_back(Step::KeyPadding { bytes });
        Ok(Next::Go(Stage::Skey(secret)))
    }

    fn take_skey(&mut self, secret: Secret, buf: &mut BytesMut, skeys: &SkeyTable) -> Result<Next<Stage>, MseError> {
        let Some(covered) = buf.first_chunk::<HASH_BYTES>() else { return Ok(Next::Stay(Stage::Skey(secret))) };
        let skey = skeys.find(&secret, *covered).ok_or(MseError::UnknownSkey)?;
        buf.advance(HASH_BYTES);
        self.steps.push_back(Step::SkeyMatched(skey));
        let StreamKeys { initiator: receive, responder: send } = StreamKeys::new(&secret, skey);
        Ok(Next::Go(Stage::Offer(Keys { secret, skey, send, receive })))
    }

    fn take_offer(&mut self, mut keys: Keys, buf: &mut BytesMut) -> Result<Next<Stage>, MseError> {
        if buf.len() < OFFER_BYTES {
            return Ok(Next::Stay(Stage::Offer(keys)));
        }
        let mut offer = buf.split_to(OFFER_BYTES);
        keys.receive.apply(&mut offer);
        if offer.get_u64() != 0 {
            return Err(MseError::WrongConstant);
        }
        let (offered, length) = (Methods::from_bits(offer.get_u32()), offer.get_u16());
        if length > PADDING_BYTES_MAX {
            return Err(MseError::PaddingTooLong { name: "PadC", found: length, limit: PADDING_BYTES_MAX });
        }
        Ok(Next::Go(Stage::Padding { offered, length, keys }))
    }

    fn take_padding(
        &mut self,
        offered: Methods,
        length: u16,
        mut keys: Keys,
        buf: &mut BytesMut,
    ) -> Result<Next<Stage>, MseError> {
        let wanted = usize::from(length) + 2;
        if buf.len() < wanted {
            return Ok(Next::Stay(Stage::Padding { offered, length, keys }));
        }
        let mut padding = buf.split_to(wanted);
        keys.receive.apply(&mut padding);
        padding.advance(usize::from(length));
        let payload = padding.get_u16();
        self.steps.push_back(Step::Offered { by_us: false, methods: offered, padding: length, payload });
        let cipher = self.select(offered, &mut keys.send)?;
        Ok(Next::Go(Stage::Payload { cipher, length: payload, keys }))
    }

    /// The fourth step of the handshake. Sent before IA is there: who waits with it for the
    /// answer is not kept waiting.
    fn select(&mut self, offered: Methods, send: &mut Rc4) -> Result<Cipher, MseError> {
        let accepted = self.accept;
        let common = offered.common(accepted);
        let cipher = common.strongest().ok_or(MseError::NoCommonMethod { offered, accepted })?;
        let padding = self.dice.pad_last;
        let mut out = BytesMut::new();
        out.put_bytes(0, VC_BYTES);
        out.put_u32(cipher.bits());
        out.put_u16(padding);
        out.put_bytes(0, usize::from(padding));
        send.apply(&mut out);
        self.output.push_back(out.freeze());
        self.steps.push_back(Step::Selected { by_us: true, cipher, padding });
        Ok(cipher)
    }
}

/// IA has any length that its field can say: 65,535 bytes at most wait here, less than one message
/// may have later, and only from who knows a torrent. Encrypted whatever was selected.
fn take_payload(cipher: Cipher, length: u16, mut keys: Keys, buf: &mut BytesMut) -> Next<Stage> {
    if buf.len() < usize::from(length) {
        return Next::Stay(Stage::Payload { cipher, length, keys });
    }
    let mut payload = buf.split_to(usize::from(length));
    keys.receive.apply(&mut payload);
    Next::Done(Secured::new(cipher, keys.send, keys.receive, keys.skey, payload.freeze(), keys.secret))
}

/// Bytes of a SHA-1.
const HASH_BYTES: usize = 20;

/// VC, `crypto_provide` and len(PadC).
const OFFER_BYTES: usize = VC_BYTES + 4 + 2;
