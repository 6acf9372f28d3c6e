//! A FreeRADIUS with a configuration of its own, and `radclient`.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Output, Stdio};

use adit_net::namespace::Host;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::program::Program;

/// The secret that everybody shares who is not given another one.
pub(crate) const SECRET: &str = "white-rabbit";

/// What a server is to be like. It listens at an address of the host it is started on.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) address: Ipv4Addr,
    pub(crate) authentication_port: u16,
    pub(crate) accounting_port: u16,
    pub(crate) secret: String,
    /// In the syntax of the module `files`: a user, what is checked, and what is replied.
    pub(crate) users: String,
    /// Whether replies to requests for access have a Message-Authenticator.
    pub(crate) signs_replies: bool,
    /// What stands within the module `mschap` beside the usual.
    pub(crate) mschap: String,
    /// Modules beside the usual ones.
    pub(crate) modules: String,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST,
            authentication_port: 1812,
            accounting_port: 1813,
            secret: SECRET.to_owned(),
            users: "alice Cleartext-Password := \"wonderland\"\n".to_owned(),
            signs_replies: true,
            mschap: String::new(),
            modules: String::new(),
        }
    }
}

impl Setup {
    /// The usual server with these users.
    pub(crate) fn with_users(users: &str) -> Self {
        Self {
            users: users.to_owned(),
            ..Self::default()
        }
    }

    /// The `[[radius.servers]]` that stands for it in a configuration: for logins only.
    pub(crate) fn section(&self) -> String {
        self.section_with(self.authentication_port, 0)
    }

    /// The same for accounting only.
    pub(crate) fn accounting_section(&self) -> String {
        self.section_with(0, self.accounting_port)
    }

    fn section_with(&self, authentication_port: u16, accounting_port: u16) -> String {
        format!(
            "[[radius.servers]]\naddress = \"{}\"\nauthentication_port = {authentication_port}\n\
             accounting_port = {accounting_port}\nsecret = {:?}\n",
            self.address, self.secret,
        )
    }

    fn write(&self, directory: &Path) {
        std::fs::write(
            directory.join("radiusd.conf"),
            self.configuration(directory),
        )
        .unwrap();
        std::fs::write(directory.join("users"), &self.users).unwrap();
    }

    fn configuration(&self, directory: &Path) -> String {
        let directory = directory.display();
        let Self {
            address,
            authentication_port,
            accounting_port,
            secret,
            mschap,
            modules,
            ..
        } = self;
        let sign = match self.signs_replies {
            true => "update reply {\n Message-Authenticator := 0x00\n }",
            false => "",
        };
        format!(
            r#"
name = freeradius
confdir = {directory}
logdir = {directory}
run_dir = {directory}
libdir = /usr/lib/freeradius
max_request_time = 30
cleanup_delay = 1
hostname_lookups = no
proxy_requests = no
security {{
  max_attributes = 200
  reject_delay = 0
  status_server = yes
}}
client all {{
  ipaddr = 0.0.0.0/0
  secret = "{secret}"
  require_message_authenticator = no
}}
modules {{
  always ok {{
    rcode = ok
  }}
  pap {{
  }}
  chap {{
  }}
  mschap {{
    use_mppe = yes
    {mschap}
  }}
  files {{
    filename = ${{confdir}}/users
  }}
  {modules}
}}
server tested {{
  listen {{
    type = auth
    ipaddr = {address}
    port = {authentication_port}
  }}
  listen {{
    type = acct
    ipaddr = {address}
    port = {accounting_port}
  }}
  authorize {{
    {sign}
    chap
    mschap
    files
    pap
  }}
  authenticate {{
    Auth-Type PAP {{
      pap
    }}
    Auth-Type CHAP {{
      chap
    }}
    Auth-Type MS-CHAP {{
      mschap
    }}
  }}
  accounting {{
    ok
  }}
}}
"#
        )
    }
}

/// A running FreeRADIUS; killed when dropped.
pub(crate) struct FreeRadius {
    setup: Setup,
    program: Program,
    _directory: TempDir,
}

impl FreeRadius {
    /// Starts a server and waits until it answers.
    pub(crate) fn start(host: &Host, setup: Setup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        setup.write(directory.path());
        let mut command = host.command("/usr/sbin/freeradius");
        // In one thread, with all that it receives and sends on standard output.
        command.arg("-X").arg("-d").arg(directory.path());
        let program = Program::start(&mut command);
        program.said("Ready to process requests");
        Self {
            setup,
            program,
            _directory: directory,
        }
    }

    /// Ends it at once. It leaves nothing behind, so that it can be started anew with its setup.
    pub(crate) fn kill(self) -> Setup {
        self.program.signal(Signal::SIGKILL);
        self.program.ended();
        self.setup
    }

    /// Waits for a request in which `wanted` finds what it looks for.
    pub(crate) fn received(&self, wanted: impl Fn(&Request) -> bool) -> Request {
        self.program
            .wrote(|lines| requests(lines).into_iter().find(&wanted))
    }

    /// Waits for the accounting record of this kind, such as `Start`.
    pub(crate) fn accounted(&self, status: &str) -> Request {
        self.received(|request| request.get("Acct-Status-Type") == Some(status))
    }

    /// All requests so far, in the order in which they came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        requests(&self.program.output_so_far())
    }

    /// All accounting records so far.
    pub(crate) fn accounting(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.code == "Accounting-Request");
        requests
    }
}

/// What a server has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Such as `Access-Request`.
    pub(crate) code: String,
    attributes: Vec<(String, String)>,
}

impl Request {
    /// The first attribute of this name, as FreeRADIUS writes it, without quotation marks.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let named = self.attributes.iter().find(|(it, _)| it == name);
        named.map(|(_, value)| value.as_str())
    }

    /// All attributes of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.attributes.iter().filter(|(it, _)| it == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// A number of 64 bits of which an attribute and its Gigawords have a half each.
    pub(crate) fn octets(&self, direction: &str) -> u64 {
        let part = |name: String| {
            let value = self.get(&name).unwrap_or("0");
            value.parse::<u64>().unwrap()
        };
        part(format!("Acct-{direction}-Gigawords")) << 32 | part(format!("Acct-{direction}-Octets"))
    }
}

/// The requests of a log: a line that says what came, and behind it a line for each attribute.
fn requests(lines: &[String]) -> Vec<Request> {
    let mut requests: Vec<Request> = Vec::new();
    let mut within = false;
    for line in lines {
        let text = line.split_once(") ").map_or("", |(_, text)| text);
        if let Some(request) = text.strip_prefix("Received ") {
            let code = request.split(' ').next().unwrap_or_default().to_owned();
            let attributes = Vec::new();
            requests.push(Request { code, attributes });
            within = true;
        } else if let Some((name, value)) = text.split_once(" = ").filter(|_| within) {
            let attribute = (name.trim().to_owned(), value.trim_matches('"').to_owned());
            requests.last_mut().unwrap().attributes.push(attribute);
        } else {
            within = false;
        }
    }
    // What a later line still may add to would come and go otherwise.
    if within {
        requests.pop();
    }
    requests
}

/// What came of a request that `radclient` sent.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Such as `Disconnect-ACK`; none if no answer came.
    pub(crate) code: Option<String>,
    pub(crate) text: String,
}

/// Sends a request by `radclient`, whose first argument would be `kind` (`coa`, `disconnect`, ...).
/// Each attribute is a line of it.
pub(crate) fn radclient(
    host: &Host,
    server: &str,
    kind: &str,
    secret: &str,
    attributes: &[&str],
) -> Answer {
    let mut child = host
        .command("radclient")
        .args(["-x", "-r", "1", "-t", "2", server, kind, secret])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = attributes.join("\n") + "\n";
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let Output { stdout, stderr, .. } = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    let received = text.lines().find_map(|line| line.strip_prefix("Received "));
    let code = received.and_then(|line| line.split(' ').next());
    Answer {
        code: code.map(str::to_owned),
        text,
    }
}
