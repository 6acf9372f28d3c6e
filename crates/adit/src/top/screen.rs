//! The terminal: keys in, pictures out.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use signal_hook::consts::signal::{SIGHUP, SIGTERM};
use signal_hook::iterator::Signals;

use super::draw::{Look, draw};
use super::feed::{Server, Snapshot, Wish};
use super::model::{Action, Key, Model};

/// What comes in, from wherever.
#[derive(Debug)]
pub(super) enum Input {
    Key(Key),
    /// The terminal has another size.
    Resized,
    /// The server was looked at.
    Seen(Box<Snapshot>),
    /// The server, or the way to it, has something to say.
    Said(String),
    /// It is over.
    Quit,
}

pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Shows the model until the user leaves. The terminal is put back on every way out.
pub(super) fn run(
    mut model: Model,
    server: Server,
    interval: Duration,
    look: Look,
) -> anyhow::Result<()> {
    let (inputs, received) = channel();
    let (wishes, wished) = channel();
    let (query, seen, typed) = (model.query(), inputs.clone(), inputs.clone());
    spawn("server", move || {
        server.serve(query, interval, &wished, &seen)
    })?;
    let mut signals = Signals::new([SIGTERM, SIGHUP])?;
    spawn("signals", move || {
        if signals.forever().next().is_some() {
            let _ = inputs.send(Input::Quit);
        }
    })?;
    // From here on a panic puts the terminal back too.
    let mut terminal = ratatui::try_init()?;
    let result = spawn("keys", move || read_keys(&typed))
        .map_err(anyhow::Error::from)
        .and_then(|()| show(&mut terminal, &mut model, look, &received, &wishes));
    ratatui::restore();
    result
}

fn show(
    terminal: &mut DefaultTerminal,
    model: &mut Model,
    look: Look,
    received: &Receiver<Input>,
    wishes: &Sender<Wish>,
) -> anyhow::Result<()> {
    loop {
        terminal.draw(|frame| draw(frame, model, look))?;
        let mut action = Action::Nothing;
        match received.recv()? {
            Input::Key(key) => action = model.press(key),
            Input::Resized => {}
            Input::Seen(snapshot) => model.take(*snapshot),
            Input::Said(text) => model.say(text),
            Input::Quit => action = Action::Quit,
        }
        match action {
            Action::Nothing => {}
            Action::Quit => return Ok(()),
            Action::Ask => wishes.send(Wish::See(model.query()))?,
            Action::Disconnect(id) => wishes.send(Wish::Disconnect(id))?,
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn(work).map(|_| ())
}

/// Reads keys until nobody wants them, or the terminal is gone.
fn read_keys(inputs: &Sender<Input>) {
    loop {
        let input = match event::read() {
            Ok(Event::Key(key)) => input_of(key),
            Ok(Event::Resize(..)) => Some(Input::Resized),
            Ok(_) => None,
            Err(_) => Some(Input::Quit),
        };
        let is_last = matches!(input, Some(Input::Quit));
        if let Some(input) = input
            && (inputs.send(input).is_err() || is_last)
        {
            return;
        }
    }
}

fn input_of(event: KeyEvent) -> Option<Input> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let key = match event.code {
        KeyCode::Char('c') if control => return Some(Input::Quit),
        KeyCode::Char(_) if control => return None,
        KeyCode::Char(letter) => Key::Letter(letter),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    };
    Some(Input::Key(key))
}
