//! What the options of other programs become in Adit: one table, by which the import works and which the
//! operator's guide prints.

mod accel_ppp;
mod markdown;
mod pppd;
mod pptpd;
mod radiusclient;

pub use markdown::markdown;

/// A program whose configuration is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// accel-ppp: `accel-ppp.conf`.
    AccelPpp,
    /// pptpd: `pptpd.conf`.
    Pptpd,
    /// pppd: files of options.
    Pppd,
    /// The library behind pppd's plugin `radius.so`: `radiusclient.conf`.
    Radiusclient,
}

/// What becomes of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It becomes this key or section of Adit.
    Carried(&'static str),
    /// Adit does so by itself, or the option means nothing to it: why.
    NotNeeded(&'static str),
    /// Adit cannot do it, or does it elsewhere than in its configuration: why.
    Missing(&'static str),
}

/// An option of another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Section of `accel-ppp.conf`; empty elsewhere.
    pub section: &'static str,
    /// Name; of lines without one, their form in `<>`.
    pub name: &'static str,
    /// Words that follow it in a file of pppd's.
    pub arguments: u8,
    /// What becomes of it.
    pub fate: Fate,
}

impl Program {
    /// Every option that is known.
    pub fn options(self) -> Vec<&'static Known> {
        let tables: &[&'static [Known]] = match self {
            Self::AccelPpp => accel_ppp::TABLES,
            Self::Pptpd => &[pptpd::TABLE],
            Self::Pppd => pppd::TABLES,
            Self::Radiusclient => &[radiusclient::TABLE],
        };
        tables.iter().flat_map(|table| table.iter()).collect()
    }

    /// The option of this name.
    pub fn find(self, section: &str, name: &str) -> Option<&'static Known> {
        self.options()
            .into_iter()
            .find(|known| known.section == section && known.name == name)
    }
}

const fn carried(section: &'static str, name: &'static str, place: &'static str) -> Known {
    Known {
        section,
        name,
        arguments: 0,
        fate: Fate::Carried(place),
    }
}

const fn needless(section: &'static str, name: &'static str, why: &'static str) -> Known {
    Known {
        section,
        name,
        arguments: 0,
        fate: Fate::NotNeeded(why),
    }
}

const fn missing(section: &'static str, name: &'static str, why: &'static str) -> Known {
    Known {
        section,
        name,
        arguments: 0,
        fate: Fate::Missing(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Program; 4] = [
        Program::AccelPpp,
        Program::Pptpd,
        Program::Pppd,
        Program::Radiusclient,
    ];

    #[test]
    fn every_option_is_there_once() {
        for program in ALL {
            let options = program.options();
            for (index, known) in options.iter().enumerate() {
                let twice = options[..index]
                    .iter()
                    .any(|other| (other.section, other.name) == (known.section, known.name));
                assert!(!twice, "{program:?} [{}] {}", known.section, known.name);
            }
        }
    }

    #[test]
    fn every_fate_is_a_phrase() {
        for known in ALL.iter().flat_map(|program| program.options()) {
            let (Fate::Carried(text) | Fate::NotNeeded(text) | Fate::Missing(text)) = known.fate;
            assert!(text.len() > 5 && !text.ends_with('.'), "{known:?}");
            assert!(!text.contains('|'), "{known:?}");
        }
    }
}
