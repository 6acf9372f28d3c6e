//! The users of a simulated server, their passwords and addresses.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use adit_engine::{Answer, CallKey, RouterConfig};
use adit_ppp::auth::{Acceptance, Credentials, Refusal, Secret, Ticket, Verdict};
use adit_ppp::{Ipv4Config, NameServers};

/// The server's own address in all tunnels.
pub const SERVER_INNER: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);

/// Answers to questions about credentials, after some time.
#[derive(Debug)]
pub struct Directory {
    passwords: BTreeMap<Vec<u8>, String>,
    delay: Duration,
    routing: Routing,
    questions: VecDeque<Question>,
    leases: BTreeMap<CallKey, u16>,
}

/// Whether peers are told of a prefix for addresses of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// Each call gets a prefix and router advertisements.
    Advertised,
    /// They have their link-local addresses only.
    LinkLocal,
}

#[derive(Debug)]
struct Question {
    due: Instant,
    call: CallKey,
    ticket: Ticket,
    credentials: Credentials,
}

impl Directory {
    /// Answers that take `delay`.
    pub(crate) fn new(delay: Duration, routing: Routing) -> Self {
        Self {
            passwords: BTreeMap::new(),
            delay,
            routing,
            questions: VecDeque::new(),
            leases: BTreeMap::new(),
        }
    }

    /// Adds a user or changes the password of one.
    pub fn set_password(&mut self, name: &str, password: &str) {
        let name = name.as_bytes().to_vec();
        self.passwords.insert(name, password.to_owned());
    }

    /// How many addresses are in use.
    pub fn leases(&self) -> usize {
        self.leases.len()
    }

    pub(crate) fn ask(
        &mut self,
        now: Instant,
        call: CallKey,
        ticket: Ticket,
        credentials: Credentials,
    ) {
        self.questions.push_back(Question {
            due: now + self.delay,
            call,
            ticket,
            credentials,
        });
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.questions.front().map(|question| question.due)
    }

    /// An answer that is due, also where its call is gone by now; `is_up` tells.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        is_up: impl Fn(CallKey) -> bool,
    ) -> Option<(CallKey, Ticket, Answer)> {
        let question = self
            .questions
            .pop_front_if(|question| question.due <= now)?;
        let refuse = |refusal| Answer {
            verdict: Verdict::Refuse(refusal),
            router: None,
            networks: Vec::new(),
        };
        let answer = match self.check(&question.credentials) {
            Err(refusal) => refuse(refusal),
            Ok(_) if !is_up(question.call) => refuse(Refusal::Unavailable),
            Ok(proven) => self.accept(question.call, proven),
        };
        Some((question.call, question.ticket, answer))
    }

    /// A call is over.
    pub(crate) fn release(&mut self, call: CallKey) {
        self.leases.remove(&call);
    }

    /// The server is gone, and all that it asked.
    pub(crate) fn forget(&mut self) {
        self.questions.clear();
        self.leases.clear();
    }

    fn check(&self, credentials: &Credentials) -> Result<adit_ppp::auth::Proven, Refusal> {
        let password = self.passwords.get(&credentials.name);
        let password = password.ok_or(Refusal::WrongPassword)?;
        credentials.verify(&Secret::clear(password.clone()))
    }

    fn accept(&mut self, call: CallKey, proven: adit_ppp::auth::Proven) -> Answer {
        let number = self.lease(call);
        let [high, low] = number.to_be_bytes();
        let dns = NameServers {
            primary: Some(SERVER_INNER),
            secondary: None,
        };
        let acceptance = Acceptance {
            proven,
            ipv4: Some(Ipv4Config::Assign {
                local: SERVER_INNER,
                peer: Ipv4Addr::new(10, 64, high, low),
                dns,
                wins: NameServers::default(),
            }),
            interface_id: None,
            message: String::from("welcome"),
        };
        let prefix = format!("fd00:64:0:{number:x}::/64");
        let router = RouterConfig {
            prefix: prefix.parse().expect("it is a prefix"),
            dns_servers: Vec::new(),
        };
        Answer {
            verdict: Verdict::Accept(Box::new(acceptance)),
            networks: Vec::new(),
            router: (self.routing == Routing::Advertised).then_some(router),
        }
    }

    /// The lowest free number; the server has the first.
    fn lease(&mut self, call: CallKey) -> u16 {
        if let Some(number) = self.leases.get(&call) {
            return *number;
        }
        let number = (2..u16::MAX)
            .find(|number| !self.leases.values().any(|taken| taken == number))
            .expect("there are fewer calls than addresses");
        self.leases.insert(call, number);
        number
    }
}
