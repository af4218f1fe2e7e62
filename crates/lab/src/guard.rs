//! The last line against orphans. A program under control ends when its input does; should it hang
//! and not notice, this thread sees that its parent is gone and ends it.

#[cfg(unix)]
use std::time::Duration;

/// Watches the parent from here on. Does nothing where the system does not name parents.
pub fn end_with_parent() {
    #[cfg(unix)]
    if let Err(error) = std::thread::Builder::new().name("guard".into()).spawn(watch) {
        tracing::warn!("no guard against being left alone: {error}");
    }
}

#[cfg(unix)]
fn watch() {
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        std::thread::sleep(LOOK_EVERY);
    }
    std::thread::sleep(GRACE);
    tracing::error!("the orchestrator is gone and this program did not end by itself: ended");
    std::process::exit(4);
}

/// A look costs a system call.
#[cfg(unix)]
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Goodbyes to tracker and peers take a second at most.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(3);
