//! The import of pppd's files of options, as pptpd has pppd read them.

mod grammar;
mod login;
mod network;
mod options;
mod session;

use std::path::Path;

use crate::addresses::Plan;
use crate::item::Item;
use crate::job::Job;
use options::Options;

/// Options that every pppd reads first.
const SYSTEM_OPTIONS: &str = "/etc/ppp/options";

/// Reads the options of the system, then those of the file that pptpd names, and writes what they say.
pub(crate) fn import(job: &mut Job<'_>, named: Option<&Item>, plan: &mut Plan, delegate: bool) {
    let system = Path::new(SYSTEM_OPTIONS);
    let mut items = Vec::new();
    if job.reader.exists(system) {
        items.extend(grammar::read(job, system).unwrap_or_default());
    }
    if let Some(named) = named {
        match grammar::read(job, Path::new(&named.value)) {
            Ok(more) => {
                job.ledger.needless(named.id, "the file is imported too");
                items.extend(more);
            }
            Err(error) => job
                .ledger
                .lost(named.id, format!("the file is not read: {error}")),
        }
    }
    let mut options = Options::new(items);
    network::write(job, &mut options, plan, delegate);
    login::write(job, &mut options);
    session::write(job, &mut options);
    options.settle(job);
}
