//! Another configuration for a server that runs.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::Server;
use super::start::make_room_for;
use crate::config::{Changes, Config};
use crate::doorbell::Doorbell;
use crate::settings;
use crate::worker::message::Command;

/// What a reload has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Keys whose new values count from now on: for new connections, calls and sessions, or for all at once.
    pub changed: Vec<String>,
    /// Keys whose new values count from the next start only.
    pub needs_restart: Vec<String>,
}

/// One who waits for the end of a reload: what it has come to, or a sentence about why nothing has changed.
pub type Asker = Box<dyn FnOnce(&Result<Reloaded, String>) + Send>;

/// Reads the configuration again, in a thread, because that may wait for a disk.
pub(super) struct Reloader {
    requests: Sender<()>,
    results: Receiver<Result<Config, String>>,
    /// Who waits for what is being read; none if nothing is.
    reading: Option<Vec<Asker>>,
    /// Who has asked since: the file may have changed after it was read.
    next: Option<Vec<Asker>>,
}

impl Reloader {
    /// `load` reads and checks the configuration; its error is a sentence that says what is wrong where.
    pub(super) fn start(
        mut load: impl FnMut() -> Result<Config, String> + Send + 'static,
        bell: Arc<Doorbell>,
    ) -> io::Result<Self> {
        let (requests, asked) = channel::<()>();
        let (sender, results) = channel();
        std::thread::Builder::new()
            .name("configuration".to_owned())
            .spawn(move || {
                while asked.recv().is_ok() && sender.send(load()).is_ok() {
                    bell.ring();
                }
            })?;
        Ok(Self {
            requests,
            results,
            reading: None,
            next: None,
        })
    }

    fn ask(&mut self, asker: Option<Asker>) {
        if self.reading.is_some() {
            self.next.get_or_insert_default().extend(asker);
        } else {
            self.read(asker.into_iter().collect());
        }
    }

    fn is_busy(&self) -> bool {
        self.reading.is_some()
    }

    fn read(&mut self, askers: Vec<Asker>) {
        self.reading = Some(askers);
        // A thread that has panicked answers nobody.
        let _ = self.requests.send(());
    }

    /// What was read, with those who wait for it.
    fn take(&mut self) -> Option<(Result<Config, String>, Vec<Asker>)> {
        let result = self.results.try_recv().ok()?;
        let askers = self.reading.take().unwrap_or_default();
        if let Some(next) = self.next.take() {
            self.read(next);
        }
        Some((result, askers))
    }
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.changed.as_slice() {
            [] => f.write_str("nothing has changed")?,
            changed => write!(f, "changed: {}", changed.join(", "))?,
        }
        match self.needs_restart.as_slice() {
            [] => Ok(()),
            keys => write!(f, "; needs a restart to change: {}", keys.join(", ")),
        }
    }
}

impl Server {
    /// Lets the server read its configuration again when it is asked to: `load` does so, and its error is a
    /// sentence that says what is wrong where.
    ///
    /// # Errors
    /// There can be no further thread.
    pub fn reload_with(
        mut self,
        load: impl FnMut() -> Result<Config, String> + Send + 'static,
    ) -> io::Result<Self> {
        self.reloader = Some(Reloader::start(load, Arc::clone(&self.bell))?);
        Ok(self)
    }

    /// Reads the configuration again and goes on with what can change while sessions are up. The asker is told
    /// when that is done.
    pub(super) fn reload(&mut self, asker: Option<Asker>) {
        match &mut self.reloader {
            Some(reloader) => {
                self.service.reloading();
                reloader.ask(asker);
            }
            None => {
                let problem =
                    Err("this server was started without a configuration file".to_owned());
                tell(&problem, asker.into_iter().collect());
            }
        }
    }

    /// Goes on with a configuration that was read.
    pub(super) fn take_configuration(&mut self) {
        while let Some((loaded, askers)) = self.reloader.as_mut().and_then(Reloader::take) {
            let result = loaded.and_then(|config| self.reconfigure(config));
            tell(&result, askers);
            if !self.reloader.as_ref().is_some_and(Reloader::is_busy) {
                self.service.ready();
            }
        }
    }

    /// Changes to another configuration as far as that is possible. Where it is refused, nothing has changed.
    fn reconfigure(&mut self, new: Config) -> Result<Reloaded, String> {
        let (new, Changes { live, restart }) = self.config.succeeded_by(new);
        let registry = self.poll.registry();
        let listening = self.listeners.set(registry, &new.listen);
        listening.map_err(|error| error.to_string())?;
        let mut details = match self.leases.reconfigure(&new) {
            Ok(details) => details,
            Err(problem) => {
                // Where that fails too, its reason is that of the first start.
                let _ = self.listeners.set(registry, &self.config.listen);
                return Err(problem.to_string());
            }
        };
        for warning in new.warnings() {
            tracing::warn!("{warning}");
        }
        if new.limits.connections > self.config.limits.connections {
            make_room_for(new.limits.connections);
        }
        self.log.reopen();
        if new.log.level != self.config.log.level
            && let Err(problem) = self.log.set_level(&new.log.level)
        {
            tracing::warn!("{problem}");
        }
        self.config = new;
        self.facts = self.leases.facts();
        self.call_limit.set(self.config.limits.sessions);
        self.authority
            .set_unreachable(self.config.authentication.on_unreachable);
        let endpoint = Arc::new(settings::endpoint(&self.config, self.link_id));
        self.crew
            .tell_all(|| Command::Reconfigure(Arc::clone(&endpoint)));
        for observer in &mut self.observers {
            observer.reconfigure(&self.config);
        }
        self.interim = self.observers.iter().filter_map(|it| it.interim()).min();
        details.splice(..0, live.into_iter().map(str::to_owned));
        Ok(Reloaded {
            changed: details,
            needs_restart: restart.into_iter().map(str::to_owned).collect(),
        })
    }
}

/// Tells the log and those who wait.
fn tell(result: &Result<Reloaded, String>, askers: Vec<Asker>) {
    match result {
        Ok(reloaded) if reloaded.needs_restart.is_empty() => {
            tracing::info!("configuration reloaded, {reloaded}");
        }
        Ok(reloaded) => tracing::warn!("configuration reloaded, {reloaded}"),
        Err(problem) => tracing::error!(
            "configuration not reloaded, the server goes on with the one it has: {problem}"
        ),
    }
    askers.into_iter().for_each(|asker| asker(result));
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use mio::{Events, Poll, Token};

    use super::*;

    #[test]
    fn who_asks_while_it_is_read_gets_what_is_read_afterwards() {
        let mut poll = Poll::new().unwrap();
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(0)).unwrap());
        let (begin, begun) = mpsc::channel::<usize>();
        // Each reading waits for the test and gives that many sessions.
        let load = move || {
            let mut config = Config::default();
            config.limits.sessions = begun.recv().unwrap();
            Ok(config)
        };
        let mut reloader = Reloader::start(load, Arc::clone(&bell)).unwrap();
        reloader.ask(None);
        let asker = || -> Option<Asker> { Some(Box::new(|_| {})) };
        reloader.ask(asker());
        reloader.ask(asker());
        let mut read = |reloader: &mut Reloader| {
            let mut events = Events::with_capacity(1);
            loop {
                if let Some((config, askers)) = reloader.take() {
                    return (config.unwrap().limits.sessions, askers.len());
                }
                poll.poll(&mut events, None).unwrap();
                bell.answer();
            }
        };
        begin.send(1).unwrap();
        assert_eq!(read(&mut reloader), (1, 0));
        begin.send(2).unwrap();
        assert_eq!(read(&mut reloader), (2, 2));
        reloader.ask(asker());
        begin.send(3).unwrap();
        assert_eq!(read(&mut reloader), (3, 1));
        assert!(reloader.reading.is_none() && reloader.next.is_none());
    }
}
