//! What tracker, provider, member and outsider learned in a run.

use events::{Degree, Item, Learned, Observer, Observers};

use crate::Run;

/// What everybody learned of everything.
#[derive(Debug)]
pub struct Lessons(Observers);

/// Folds the whole log.
pub fn lessons(run: &Run) -> Lessons {
    let mut observers = Observers::default();
    for (line, record) in (1..).zip(&run.records) {
        observers.apply(line, record);
    }
    Lessons(observers)
}

impl Lessons {
    pub fn learned(&self, observer: Observer, item: Item) -> Learned {
        self.0.learned(observer, item)
    }

    /// The provider can ask for the torrent itself, and is then a member.
    pub fn provider_can_join(&self) -> bool {
        self.learned(Observer::Isp, Item::InfoHash).degree == Degree::Yes
    }
}
