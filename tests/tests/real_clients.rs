//! Our peer and other people's clients, both directions, through our own tracker: what was shared
//! lies in the other's folder in the end, byte for byte.

use std::path::Path;
use std::time::Duration;

use swarmlab_tests::clients::{Start, aria2, libtorrent, qbittorrent, transmission};
use swarmlab_tests::{Content, Namespace, Swarmlab, needs};

#[test]
fn transmission_seeds_to_us() {
    they_seed(transmission::start);
}

#[test]
fn we_seed_to_transmission() {
    we_seed(transmission::start, By::File);
}

#[test]
fn aria2_seeds_to_us() {
    they_seed(aria2::start);
}

#[test]
fn we_seed_to_aria2() {
    we_seed(aria2::start, By::File);
}

#[test]
fn libtorrent_seeds_to_us() {
    they_seed(libtorrent::start);
}

#[test]
fn we_seed_to_libtorrent() {
    we_seed(libtorrent::start, By::File);
}

#[test]
fn qbittorrent_seeds_to_us() {
    they_seed(qbittorrent::start);
}

#[test]
fn we_seed_to_qbittorrent() {
    we_seed(qbittorrent::start, By::File);
}

#[test]
fn aria2_fetches_the_metadata_from_us() {
    we_seed(aria2::start, By::Magnet);
}

#[test]
fn libtorrent_fetches_the_metadata_from_us() {
    we_seed(libtorrent::start, By::Magnet);
}

#[test]
fn transmission_fetches_the_metadata_from_us() {
    we_seed(transmission::start, By::Magnet);
}

#[test]
fn qbittorrent_fetches_the_metadata_from_us() {
    we_seed(qbittorrent::start, By::Magnet);
}

#[test]
fn we_fetch_the_metadata_from_libtorrent() {
    we_fetch(libtorrent::start, By::Magnet);
}

#[test]
fn we_fetch_the_metadata_from_transmission() {
    we_fetch(transmission::start, By::Magnet);
}

/// What the leecher knows at the start.
#[derive(Clone, Copy)]
enum By {
    File,
    Magnet,
}

fn they_seed(start: Start) {
    we_fetch(start, By::File);
}

fn we_fetch(start: Start, by: By) {
    let Some(namespace) = needs(Namespace::new()) else { return };
    let content = Content::new(SIZE);
    let (_tracker, url) = Swarmlab::tracker(&namespace, &content);
    let torrent = content.torrent_file(&url);
    let Some(_seed) = needs(start(&namespace, path(&torrent), content.dir())) else { return };
    let home = tempfile::tempdir().unwrap();
    let mut ours = Swarmlab::peer(&namespace, &told(&content, &url, by), home.path());
    ours.wait("complete", PATIENCE);
    assert_eq!(content.differences(home.path()), [""; 0]);
}

fn we_seed(start: Start, by: By) {
    let Some(namespace) = needs(Namespace::new()) else { return };
    let content = Content::new(SIZE);
    let (_tracker, url) = Swarmlab::tracker(&namespace, &content);
    let mut ours = Swarmlab::peer(&namespace, path(&content.torrent_file(&url)), content.dir());
    ours.wait("checked", PATIENCE);
    let home = tempfile::tempdir().unwrap();
    let Some(mut leech) = needs(start(&namespace, &told(&content, &url, by), home.path())) else { return };
    leech.wait_complete(&content, PATIENCE);
}

fn told(content: &Content, tracker: &str, by: By) -> String {
    match by {
        By::File => path(&content.torrent_file(tracker)).to_owned(),
        By::Magnet => content.magnet(tracker),
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a temporary folder with a Unicode name")
}

const SIZE: usize = 6 << 20;

/// Transmission takes up to twenty seconds before it begins, and asks the tracker seldom.
const PATIENCE: Duration = Duration::from_secs(120);
