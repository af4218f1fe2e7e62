//! A: the side that dialled. It sends its key, then, knowing theirs, which torrent it wants and
//! what it can do, and the first bytes of its payload in the same go.

use std::collections::VecDeque;
use std::mem;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::InfoHash;

use super::keys::skey_hash;
use super::search::Search;
use super::{
    Cipher, Dice, KEY_BYTES, Methods, MseError, Next, PADDING_BYTES_MAX, Progress, Rc4, Secret, Secured, Step,
    StreamKeys, VC_BYTES, dh,
};

/// The handshake of the side that dialled. See the [module](super) for how to drive it.
#[derive(Debug)]
pub struct Initiator {
    dice: Dice,
    skey: InfoHash,
    provide: Methods,
    payload: Bytes,
    stage: Stage,
    output: VecDeque<Bytes>,
    steps: VecDeque<Step>,
}

#[derive(Debug)]
enum Stage {
    /// Their public key comes.
    Key,
    /// PadB comes, of unknown length, and the encrypted VC that ends it.
    Constant {
        search: Search<VC_BYTES>,
        keys: Keys,
    },
    /// `crypto_select` and len(PadD) come.
    Selection(Keys),
    /// PadD comes.
    Padding {
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
    send: Rc4,
    receive: Rc4,
}

impl Initiator {
    /// Has its first bytes to send at once. `payload` is the initial payload (IA): the BitTorrent
    /// handshake and nothing more, because B answers that before anything else is expected
    /// (libtorrent refuses an IA of more than its 68 bytes).
    ///
    /// # Panics
    /// When `provide` is empty, a padding in `dice` is too long, or `payload` has more than 65,535
    /// bytes, which is what its length field can say.
    pub fn new(dice: Dice, skey: InfoHash, provide: Methods, payload: Bytes) -> Self {
        assert!(!provide.is_empty(), "an offer of no method at all");
        assert!(payload.len() <= usize::from(u16::MAX), "an initial payload of {} bytes", payload.len());
        dice.check();
        let first = [&dh::public_key(&dice.secret)[..], &dice.pad].concat();
        let steps = VecDeque::from([Step::KeySent { padding: dice.pad.len() as u16 }]);
        let output = VecDeque::from([Bytes::from(first)]);
        Self { dice, skey, provide, payload, stage: Stage::Key, output, steps }
    }

    /// Takes from the front of `buf` what belongs to the handshake. An error is final: the same
    /// comes again at every further call.
    pub fn receive(&mut self, buf: &mut BytesMut) -> Result<Progress, MseError> {
        loop {
            match self.advance(buf) {
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

    fn advance(&mut self, buf: &mut BytesMut) -> Result<Next<Stage>, MseError> {
        match mem::replace(&mut self.stage, Stage::Spent) {
            Stage::Key => self.take_key(buf),
            Stage::Constant { search, keys } => self.take_constant(search, keys, buf),
            Stage::Selection(keys) => self.take_selection(keys, buf),
            Stage::Padding { cipher, length, keys } => self.take_padding(cipher, length, keys, buf),
            Stage::Spent => Ok(Next::Stay(Stage::Spent)),
            Stage::Failed(error) => Err(error),
        }
    }

    fn take_key(&mut self, buf: &mut BytesMut) -> Result<Next<Stage>, MseError> {
        let Some(theirs) = buf.first_chunk::<KEY_BYTES>() else { return Ok(Next::Stay(Stage::Key)) };
        let secret = dh::shared_secret(theirs, &self.dice.secret)?;
        buf.advance(KEY_BYTES);
        self.steps.push_back(Step::KeyReceived);
        let StreamKeys { initiator: mut send, responder: mut receive } = StreamKeys::new(&secret, self.skey);
        self.offer(&secret, &mut send);
        // B encrypts zeros, so what to look for is known before it comes.
        let mut constant = [0; VC_BYTES];
        receive.apply(&mut constant);
        Ok(Next::Go(Stage::Constant { search: Search::new(constant), keys: Keys { secret, send, receive } }))
    }

    /// The third step of the handshake.
    fn offer(&mut self, secret: &Secret, send: &mut Rc4) {
        let (padding, payload) = (self.dice.pad_last, self.payload.len() as u16);
        let mut out = BytesMut::new();
        out.put_slice(&secret.key_hash());
        out.put_slice(&secret.cover(skey_hash(self.skey)));
        let encrypted_from = out.len();
        out.put_bytes(0, VC_BYTES);
        out.put_u32(self.provide.bits());
        out.put_u16(padding);
        out.put_bytes(0, usize::from(padding));
        out.put_u16(payload);
        out.put_slice(&self.payload);
        send.apply(&mut out[encrypted_from..]);
        self.output.push_back(out.freeze());
        self.steps.push_back(Step::Offered { by_us: true, methods: self.provide, padding, payload });
    }

    fn take_constant(
        &mut self,
        mut search: Search<VC_BYTES>,
        keys: Keys,
        buf: &mut BytesMut,
    ) -> Result<Next<Stage>, MseError> {
        let Some(bytes) = search.take(buf).map_err(|_| MseError::NoConstant)? else {
            return Ok(Next::Stay(Stage::Constant { search, keys }));
        };
        self.steps.push_back(Step::KeyPadding { bytes });
        Ok(Next::Go(Stage::Selection(keys)))
    }

    fn take_selection(&mut self, mut keys: Keys, buf: &mut BytesMut) -> Result<Next<Stage>, MseError> {
        if buf.len() < SELECTION_BYTES {
            return Ok(Next::Stay(Stage::Selection(keys)));
        }
        let mut selection = buf.split_to(SELECTION_BYTES);
        keys.receive.apply(&mut selection);
        let (bits, length) = (selection.get_u32(), selection.get_u16());
        let (selected, offered) = (Methods::from_bits(bits), self.provide);
        let Some(cipher) = selected.only().filter(|_| selected.common(offered) == selected) else {
            return Err(MseError::NotOffered { bits, selected, offered });
        };
        if length > PADDING_BYTES_MAX {
            return Err(MseError::PaddingTooLong { name: "PadD", found: length, limit: PADDING_BYTES_MAX });
        }
        Ok(Next::Go(Stage::Padding { cipher, length, keys }))
    }

    fn take_padding(
        &mut self,
        cipher: Cipher,
        length: u16,
        mut keys: Keys,
        buf: &mut BytesMut,
    ) -> Result<Next<Stage>, MseError> {
        if buf.len() < usize::from(length) {
            return Ok(Next::Stay(Stage::Padding { cipher, length, keys }));
        }
        buf.advance(usize::from(length));
        keys.receive.discard(usize::from(length));
        self.steps.push_back(Step::Selected { by_us: false, cipher, padding: length });
        Ok(Next::Done(Secured::new(cipher, keys.send, keys.receive, self.skey, Bytes::new(), keys.secret)))
    }
}

/// `crypto_select` and len(PadD).
const SELECTION_BYTES: usize = 4 + 2;
