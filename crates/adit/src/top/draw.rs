//! Drawing the model.

use adit_server::control_socket::{SessionInfo, SessionOrder, bits, duration, octets};
use ratatui::backend::TestBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Clear, Paragraph, Row, Table, TableState};
use ratatui::{Frame, Terminal};

use super::model::{Mode, Model, ORDERS};

/// Lines above the table.
const HEAD: u16 = 3;

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Coloured,
    Plain,
}

impl Look {
    /// Colours, unless NO_COLOR is set and not empty.
    pub(super) fn of_environment() -> Self {
        match std::env::var_os("NO_COLOR") {
            Some(value) if !value.is_empty() => Self::Plain,
            _ => Self::Coloured,
        }
    }

    fn style(self, colour: Color) -> Style {
        match self {
            Self::Coloured => Style::new().fg(colour),
            Self::Plain => Style::new(),
        }
    }
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, look: Look) {
    let areas = Layout::vertical([
        Constraint::Length(HEAD),
        Constraint::Min(1),
        Constraint::Length(1),
    ]);
    let [head, body, foot] = areas.areas(frame.area());
    frame.render_widget(Paragraph::new(Text::from(heading(model))), head);
    list(frame, body, model, look);
    let footer = Paragraph::new(footer(model)).style(look.style(Color::Cyan));
    frame.render_widget(footer, foot);
    if *model.mode() == Mode::Help {
        help(frame, body);
    }
}

/// One picture as text, with all sessions.
pub(super) fn as_text(model: &Model, width: u16) -> anyhow::Result<String> {
    let rows = u16::try_from(model.rows().len()).unwrap_or(u16::MAX);
    let height = rows.saturating_add(HEAD + 2);
    let mut terminal = Terminal::new(TestBackend::new(width, height))?;
    terminal.draw(|frame| draw(frame, model, Look::Plain))?;
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    let lines = buffer.content().chunks(usize::from(width));
    // The last line is about keys.
    for row in lines.take(usize::from(height) - 1) {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(text)
}

fn heading(model: &Model) -> Vec<Line<'static>> {
    let Some(stats) = model.stats() else {
        return vec![Line::from("the server has not answered yet")];
    };
    let refused = stats.logins.iter().filter(|(name, _)| *name != "accepted");
    let refused: u64 = refused.map(|(_, count)| count).sum();
    let drops: u64 = stats.drops.values().sum();
    let rate = model.total().map_or_else(
        || "-".to_owned(),
        |rate| format!("{} in, {} out", bits(rate.received), bits(rate.sent)),
    );
    vec![
        Line::from(format!(
            "adit up {}   sessions {}, {} logged in   connections {}, {} without a call",
            duration(model.now().saturating_sub(stats.since)),
            stats.sessions.open,
            stats.sessions.logged_in,
            stats.connections.open,
            stats.connections.half_open,
        )),
        Line::from(format!(
            "bits/s {rate}   received {}   sent {}   logins refused {refused}   packets dropped {drops}",
            octets(stats.received.octets),
            octets(stats.sent.octets),
        )),
    ]
}

/// The headings of the table, with the order that sorts by each if one does, and the widths.
const COLUMNS: [(&str, Option<SessionOrder>, Constraint); 11] = [
    ("ID", Some(SessionOrder::Id), Constraint::Length(6)),
    ("USER", Some(SessionOrder::User), Constraint::Min(8)),
    (
        "ADDRESS",
        Some(SessionOrder::Address),
        Constraint::Length(15),
    ),
    ("PEER", Some(SessionOrder::Peer), Constraint::Length(15)),
    ("UP", None, Constraint::Length(6)),
    ("IN", Some(SessionOrder::Rate), Constraint::Length(7)),
    ("OUT", Some(SessionOrder::Rate), Constraint::Length(7)),
    (
        "RECEIVED",
        Some(SessionOrder::Received),
        Constraint::Length(10),
    ),
    ("SENT", Some(SessionOrder::Sent), Constraint::Length(10)),
    ("LOST", Some(SessionOrder::Lost), Constraint::Length(6)),
    ("ENCRYPTION", None, Constraint::Length(18)),
];

fn list(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    let (order, reverse) = model.order();
    let mark = if reverse { "-" } else { "+" };
    let headings = COLUMNS.map(|(name, by, _)| match by == Some(order) {
        true => format!("{name}{mark}"),
        false => name.to_owned(),
    });
    let sessions = model.rows();
    let rows = sessions.iter().map(|it| Row::new(cells(it, model.now())));
    let table = Table::new(rows, COLUMNS.map(|(_, _, width)| width))
        .header(Row::new(headings).style(look.style(Color::Yellow)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(model.chosen_row());
    frame.render_stateful_widget(table, area, &mut state);
}

/// Names come from clients: what could steer a terminal is escaped.
fn cells(session: &SessionInfo, now: u64) -> [String; COLUMNS.len()] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let printable = |text: &String| text.escape_debug().to_string();
    // There is no other encryption than MPPE, and little room.
    let bare = |text: &str| text.trim_start_matches("MPPE ").to_owned();
    [
        session.id.to_string(),
        or_dash(session.user.as_ref().map(printable)),
        or_dash(session.address.map(|it| it.to_string())),
        session.peer.ip().to_string(),
        duration(now.saturating_sub(session.since)),
        or_dash(session.rate.map(|rate| bits(rate.received))),
        or_dash(session.rate.map(|rate| bits(rate.sent))),
        octets(session.received.octets),
        octets(session.sent.octets),
        session.losses.undelivered().to_string(),
        or_dash(session.encryption.as_deref().map(bare)),
    ]
}

fn footer(model: &Model) -> String {
    let paused = if model.is_paused() { "paused   " } else { "" };
    match (model.mode(), model.said()) {
        (Mode::Filter, _) => format!("filter: {}_", model.filter()),
        (Mode::Confirm(id), _) => format!("End session {id}{}? y/n", user_of(model, *id)),
        (_, Some(said)) => format!("{paused}{said}"),
        (_, None) if !model.filter().is_empty() => format!(
            "{paused}filter: {} ({} sessions)   Esc clears it   ? help   q quit",
            model.filter(),
            model.rows().len()
        ),
        (_, None) => {
            let shown = model.rows().len();
            let open = model.stats().map_or(shown, |stats| stats.sessions.open);
            let part = match shown < open {
                true => format!("{shown} of {open} sessions   "),
                false => String::new(),
            };
            format!("{paused}{part}arrows choose   d end   / filter   v reverse   ? help   q quit")
        }
    }
}

fn user_of(model: &Model, id: u64) -> String {
    let rows = model.rows();
    let user = rows.iter().find(|it| it.id == id);
    let user = user.and_then(|it| it.user.as_ref());
    user.map_or_else(String::new, |user| format!(" of {}", user.escape_debug()))
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let mut lines = vec![Line::from("sort by")];
    lines.extend(ORDERS.map(|(key, _, name)| Line::from(format!("  {key}      {name}"))));
    lines.extend(
        [
            "  v      the other way round",
            "arrows, PgUp, PgDn, Home, End choose a session",
            "d        end the chosen session, after a question",
            "/        filter by user, address or encryption; Esc clears it",
            "space    hold the picture",
            "q        quit",
        ]
        .map(Line::from),
    );
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let place = Rect {
        width: area.width.min(66),
        height: area.height.min(height),
        ..area
    };
    let help = Paragraph::new(lines).block(Block::bordered().title("keys"));
    frame.render_widget(Clear, place);
    frame.render_widget(help, place);
}

#[cfg(test)]
mod tests {
    use super::super::model::Key;
    use super::super::model::tests::{session, snapshot};
    use super::*;

    fn model() -> Model {
        let mut model = Model::new(String::new());
        model.take(snapshot(60, 1000));
        model.take(snapshot(62, 3000));
        model
    }

    fn drawn(model: &Model, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| draw(frame, model, Look::Plain))
            .unwrap();
        terminal.backend().to_string()
    }

    fn words(line: &str) -> String {
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_picture_has_totals_and_all_sessions() {
        let text = as_text(&model(), 130).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "adit up 1m02s   sessions 3, 3 logged in   connections 3, 0 without a call"
        );
        assert_eq!(
            lines[1],
            "bits/s 8.0k in, 0 out   received 2.9 KiB   sent 0 B   logins refused 4   packets dropped 5"
        );
        assert_eq!(
            words(lines[3]),
            "ID USER ADDRESS PEER UP IN+ OUT+ RECEIVED SENT LOST ENCRYPTION"
        );
        assert_eq!(
            words(lines[4]),
            "1 alice 10.77.0.1 192.0.2.1 1m02s 1.5M 0 2.0 KiB 0 B 0 128-bit stateless"
        );
        assert_eq!(lines.len(), 7);
    }

    #[test]
    fn questions_filters_and_help_are_seen() {
        let mut model = model();
        model.press(Key::Down);
        model.press(Key::Letter('d'));
        assert!(drawn(&model, 100, 10).contains("End session 1 of alice? y/n"));
        model.press(Key::Escape);
        model.press(Key::Letter('/'));
        model.press(Key::Letter('b'));
        model.press(Key::Letter('o'));
        let filtered = drawn(&model, 100, 10);
        assert!(filtered.contains("filter: bo_"), "{filtered}");
        assert!(!filtered.contains("alice"), "{filtered}");
        model.press(Key::Escape);
        model.press(Key::Letter('?'));
        assert!(drawn(&model, 100, 30).contains("end the chosen session"));
    }

    #[test]
    fn any_size_can_be_drawn() {
        let mut model = model();
        model.press(Key::Letter('?'));
        for (width, height) in [(1, 1), (3, 2), (20, 5), (300, 80)] {
            drawn(&model, width, height);
        }
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        let mut seen = snapshot(60, 0);
        seen.sessions = vec![session(1, "a\x1b[2J")];
        let mut model = Model::new(String::new());
        model.take(seen);
        assert!(!as_text(&model, 120).unwrap().contains('\x1b'));
    }

    #[test]
    fn nothing_is_coloured_where_that_is_not_wanted() {
        let mut terminal = Terminal::new(TestBackend::new(80, 10)).unwrap();
        let model = model();
        for (look, coloured) in [(Look::Plain, false), (Look::Coloured, true)] {
            terminal.draw(|frame| draw(frame, &model, look)).unwrap();
            let cells = terminal.backend().buffer().content();
            assert_eq!(cells.iter().any(|cell| cell.fg != Color::Reset), coloured);
        }
    }
}
