//! BEP 41: options after the 98 bytes of an announce.
//!
//! Each option is a type byte; all but end (0) and no-op (1) go on with a length byte and that many
//! bytes. URL data (2) is path and query of the tracker's URL, cut into parts of up to 255 bytes.
//! Other types are passed over. What is cut short ends the list without an error: some clients fill
//! the datagram up, and nothing here decides who is served.

/// Path and query that are kept of a URL. Far beyond any in use.
pub const URL_DATA_BYTES_MAX: usize = 1_024;

const END: u8 = 0;
const NO_OP: u8 = 1;
const URL_DATA: u8 = 2;

/// The URL data among the options; `None` where there is none.
pub(super) fn read_url_data(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut url: Option<Vec<u8>> = None;
    while let Some((&kind, rest)) = bytes.split_first() {
        bytes = match kind {
            END => break,
            NO_OP => rest,
            _ => {
                let Some((body, rest)) = split_body(rest) else { break };
                if kind == URL_DATA {
                    append(url.get_or_insert_default(), body);
                }
                rest
            }
        };
    }
    url
}

/// Writes URL data as options, at most [`URL_DATA_BYTES_MAX`] of it. Empty data is one empty option.
pub(super) fn write_url_data(out: &mut Vec<u8>, url: &[u8]) {
    let url = &url[..url.len().min(URL_DATA_BYTES_MAX)];
    if url.is_empty() {
        out.extend([URL_DATA, 0]);
    }
    for part in url.chunks(usize::from(u8::MAX)) {
        out.extend([URL_DATA, part.len() as u8]);
        out.extend(part);
    }
}

fn split_body(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

fn append(url: &mut Vec<u8>, part: &[u8]) {
    let room = URL_DATA_BYTES_MAX - url.len();
    url.extend(&part[..part.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_url_are_joined_across_no_ops_and_strangers() {
        let bytes = [2, 3, b'/', b'a', b'b', 1, 77, 2, 9, 9, 2, 2, b'?', b'x', 0, 2, 1, b'z'];
        assert_eq!(read_url_data(&bytes).as_deref(), Some(b"/ab?x".as_slice()));
    }

    #[test]
    fn options_cut_short_end_the_list() {
        assert_eq!(read_url_data(&[2, 5, b'/']), None);
        assert_eq!(read_url_data(&[2, 1, b'/', 2]).as_deref(), Some(b"/".as_slice()));
        assert_eq!(read_url_data(&[0, 0]), None, "uTorrent's two bytes of nothing");
    }

    #[test]
    fn a_long_url_travels_in_parts() {
        let url: Vec<u8> = (0..600).map(|i| b'a' + (i % 26) as u8).collect();
        let mut out = Vec::new();
        write_url_data(&mut out, &url);
        assert_eq!(out.len(), 600 + 3 * 2);
        assert_eq!(read_url_data(&out), Some(url));
    }

    #[test]
    fn url_data_is_bounded() {
        let mut out = Vec::new();
        for _ in 0..10 {
            write_url_data(&mut out, &[b'x'; 255]);
        }
        assert_eq!(read_url_data(&out).map(|url| url.len()), Some(URL_DATA_BYTES_MAX));
    }
}
