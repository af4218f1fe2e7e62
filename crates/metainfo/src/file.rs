//! The `.torrent` file around an info dictionary: trackers, web seeds and who made it.

use bytes::Bytes;
use librqbit_bencode as bencode;
use librqbit_bencode::raw_value::RawValue;
use librqbit_bencode::{ByteBuf, WithRawBytes, bencode_serialize_to_writer};
use model::bound::TORRENT_FILE_BYTES_MAX;
use serde::{Deserialize, Serialize};

use crate::error::MetainfoError;
use crate::field::{Number, Present, Text, Tiers, Urls};
use crate::info::Info;
use crate::magnet::Magnet;

/// Trackers, and likewise web seeds, that are read from one torrent or magnet link. Lists
/// that go on longer are read up to here.
pub const TRACKERS_MAX: usize = 1_000;

/// A `.torrent` file. DHT `nodes` (BEP 5) and fields that we do not know are not kept; those
/// inside the info dictionary are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metainfo {
    /// What peers agree on.
    pub info: Info,
    /// Trackers by tier, first tier first (BEP 12). A lone `announce` is a tier of one; no
    /// tier is empty.
    pub announce: Vec<Vec<String>>,
    /// Free text for people.
    pub comment: Option<String>,
    /// The program that made the file.
    pub created_by: Option<String>,
    /// When it was made, in seconds since 1970.
    pub creation_date: Option<i64>,
    /// BEP 19: HTTP or FTP addresses of the same content.
    pub web_seeds: Vec<String>,
}

impl Metainfo {
    /// From the bytes of a `.torrent` file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MetainfoError> {
        if bytes.len() > TORRENT_FILE_BYTES_MAX {
            let (what, found, max) = ("a torrent file", bytes.len(), TORRENT_FILE_BYTES_MAX);
            return Err(MetainfoError::TooLarge { what, found, max });
        }
        crate::bencode::check(bytes)?;
        if bytes.first() != Some(&b'd') {
            return Err(MetainfoError::NotADictionary("the file"));
        }
        let dict: Dict<'_> =
            bencode::from_bytes(bytes).map_err(|e| MetainfoError::Shape(format!("wrong in the file: {e}")))?;
        let info = dict.info.as_ref().ok_or(MetainfoError::Missing("info"))?;
        Ok(Self {
            info: Info::from_bytes(Bytes::copy_from_slice(info.raw_bytes.0))?,
            announce: dict.tiers(),
            comment: text(dict.comment_utf8.or(dict.comment)),
            created_by: text(dict.created_by),
            creation_date: dict.creation_date.map(|Number(seconds)| seconds),
            web_seeds: addresses(dict.url_list.map_or(Vec::new(), |Urls(urls)| urls)),
        })
    }

    /// The bytes of a `.torrent` file. The info dictionary is written as it came.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut trackers = self.announce.iter().flatten();
        let first = trackers.next();
        let many = trackers.next().is_some();
        let dict = DictOut {
            announce: first.map(String::as_str),
            announce_list: many.then_some(&self.announce),
            comment: self.comment.as_deref(),
            created_by: self.created_by.as_deref(),
            creation_date: self.creation_date,
            info: RawValue(self.info.raw()),
            url_list: match &self.web_seeds[..] {
                [] => None,
                [one] => Some(UrlsOut::One(one)),
                several => Some(UrlsOut::Several(several)),
            },
        };
        to_bencode(&dict)
    }

    /// A link that leads to the same torrent: its hash, name, trackers and web seeds.
    pub fn magnet(&self) -> Magnet {
        Magnet {
            info_hash: self.info.info_hash(),
            name: Some(self.info.name().to_owned()),
            trackers: self.announce.iter().flatten().cloned().collect(),
            web_seeds: self.web_seeds.clone(),
            peers: Vec::new(),
        }
    }
}

/// The file as written. Keys that are not named here are skipped.
#[derive(Deserialize)]
struct Dict<'a> {
    #[serde(borrow)]
    info: Option<WithRawBytes<Present, ByteBuf<'a>>>,
    #[serde(borrow)]
    announce: Option<Text<'a>>,
    #[serde(borrow, rename = "announce-list")]
    announce_list: Option<Tiers<'a, TRACKERS_MAX>>,
    #[serde(borrow)]
    comment: Option<Text<'a>>,
    #[serde(borrow, rename = "comment.utf-8")]
    comment_utf8: Option<Text<'a>>,
    #[serde(borrow, rename = "created by")]
    created_by: Option<Text<'a>>,
    #[serde(rename = "creation date")]
    creation_date: Option<Number>,
    #[serde(borrow, rename = "url-list")]
    url_list: Option<Urls<'a, TRACKERS_MAX>>,
}

impl<'a> Dict<'a> {
    /// BEP 12: "If the client is compatible with the multitracker specification, and if the
    /// announce-list key is present, the client will ignore the announce key".
    fn tiers(&self) -> Vec<Vec<String>> {
        let listed = self.announce_list.iter().flat_map(|Tiers(tiers)| tiers);
        let tiers: Vec<_> = listed.map(|tier| addresses(tier.iter().copied())).filter(|t| !t.is_empty()).collect();
        if !tiers.is_empty() {
            return tiers;
        }
        let lone = addresses(self.announce.map(|Text(url)| url));
        if lone.is_empty() { Vec::new() } else { vec![lone] }
    }
}

/// The addresses that are text, without the blanks around them.
fn addresses<'a>(urls: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let texts = urls.into_iter().filter_map(|url| std::str::from_utf8(url).ok());
    texts.map(|url| url.trim().to_owned()).filter(|url| !url.is_empty()).collect()
}

fn text(field: Option<Text<'_>>) -> Option<String> {
    field.map(|Text(bytes)| String::from_utf8_lossy(bytes).into_owned())
}

#[derive(Serialize)]
struct DictOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    announce: Option<&'a str>,
    #[serde(rename = "announce-list", skip_serializing_if = "Option::is_none")]
    announce_list: Option<&'a Vec<Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    #[serde(rename = "created by", skip_serializing_if = "Option::is_none")]
    created_by: Option<&'a str>,
    #[serde(rename = "creation date", skip_serializing_if = "Option::is_none")]
    creation_date: Option<i64>,
    info: RawValue<&'a Bytes>,
    #[serde(rename = "url-list", skip_serializing_if = "Option::is_none")]
    url_list: Option<UrlsOut<'a>>,
}

/// BEP 19: one address as a string, several as a list.
enum UrlsOut<'a> {
    One(&'a str),
    Several(&'a [String]),
}

impl Serialize for UrlsOut<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(url) => url.serialize(s),
            Self::Several(urls) => urls.serialize(s),
        }
    }
}

/// Bencode with sorted keys.
pub(crate) fn to_bencode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    // The writer fails only on kinds of values that bencode lacks, none of which are ours.
    bencode_serialize_to_writer(value, &mut bytes).expect("bencode of our own values");
    bytes
}
