//! `swarmlab share` and `swarmlab receive` as their users meet them: two friends, one folder, and all that
//! comes between.

mod again;
mod desk;
mod friends;
#[cfg(unix)]
mod interrupted;
mod received;
