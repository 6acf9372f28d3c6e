//! The import of `accel-ppp.conf`.

mod grammar;
mod network;
mod pools;
mod radius;
mod running;
mod settings;
mod users;

use std::path::Path;

use crate::ImportError;
use crate::addresses::Plan;
use crate::job::Job;
use crate::options::{Fate, Program};
use settings::Settings;

/// Reads the file and writes what it says.
pub(crate) fn import(job: &mut Job<'_>, path: &Path) -> Result<(), ImportError> {
    let items = grammar::read(job, path)?;
    let mut settings = Settings::new(job, items);
    let mut plan = Plan::default();
    network::write(job, &mut settings, &mut plan);
    let radius = radius::write(job, &mut settings, &mut plan);
    users::write(job, &mut settings, &mut plan, radius);
    pools::write(job, &mut settings, plan);
    running::write(job, &mut settings);
    settle(job, &settings);
    Ok(())
}

/// Says of every line that nothing has looked at what the table says.
fn settle(job: &mut Job<'_>, settings: &Settings) {
    for item in settings.rest() {
        if !job.ledger.is_open(item.id) {
            continue;
        }
        if let Some(reason) = settings::foreign_section(&item.section) {
            job.ledger.lost(item.id, reason);
            continue;
        }
        let form = settings::form(item);
        match Program::AccelPpp
            .find(&item.section, form)
            .map(|known| known.fate)
        {
            Some(Fate::NotNeeded(why)) => job.ledger.needless(item.id, why),
            Some(Fate::Missing(why)) => job.ledger.lost(item.id, why),
            // What Adit has a key for was looked at; if not, it stays open, and a test finds it.
            Some(Fate::Carried(_)) | None => {}
        }
    }
}
