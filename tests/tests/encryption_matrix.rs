//! Encryption with every setting of ours and of other clients, in both directions and both roles:
//! who must connect does, in the cipher that must come of it, and delivers every byte; who must not, does
//! not.
//!
//! `SWARMLAB_RIVALS=aria2` plays only the clients and settings whose name contains that.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use swarmlab_tests::encryption::matrix::{Cell, Rival, rivals};
use swarmlab_tests::encryption::table::{Block, table};
use swarmlab_tests::needs;

#[test]
fn every_pair_of_settings_comes_to_what_the_rules_of_both_say() {
    let begun = Instant::now();
    let only = std::env::var("SWARMLAB_RIVALS").unwrap_or_default();
    let rivals: Vec<Rival> = rivals().into_iter().filter(|rival| rival.to_string().contains(&only)).collect();
    let next = Mutex::new(rivals.iter().enumerate());
    let blocks: Mutex<Vec<(usize, Block)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((place, rival)) = next.lock().unwrap().next() else { return };
                    let block = (rival.to_string(), rival.play(introduce()));
                    blocks.lock().unwrap().push((place, block));
                }
            });
        }
    });
    let mut blocks = blocks.into_inner().unwrap();
    blocks.sort_by_key(|(place, _)| *place);
    let blocks: Vec<Block> = blocks.into_iter().map(|(_, block)| block).collect();
    let table = table(&blocks);
    let played: Vec<&Cell> = blocks.iter().flat_map(|(_, cells)| cells).flatten().collect();
    println!("{table}\n{} pairs in {:?}", played.len(), begun.elapsed());

    for (_, cells) in &blocks {
        let _skipped = needs(cells.as_ref().map_err(Clone::clone));
    }
    let wrong = played.iter().filter(|cell| !matches!(cell.came, Some(Ok(())))).count();
    assert_eq!(wrong, 0, "{wrong} of {} pairs came to something else:\n{table}", played.len());
}

fn introduce() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_introduce"))
}

/// Clients at once: most of the time they wait for each other.
const AT_ONCE: usize = 6;
