//! The settings of `accel-ppp.conf` as its modules ask for them.

use crate::item::Item;
use crate::job::Job;

/// All settings.
pub(super) struct Settings {
    items: Vec<Item>,
    /// Modules that are loaded; `None` where no section names any.
    modules: Option<Vec<String>>,
}

impl Settings {
    pub(super) fn new(job: &mut Job<'_>, items: Vec<Item>) -> Self {
        let in_modules = |item: &&Item| item.section == "modules" && !item.taken;
        let modules: Vec<String> = items
            .iter()
            .filter(in_modules)
            .map(|item| normal(&item.name))
            .collect();
        let modules = (!modules.is_empty()).then_some(modules);
        match &modules {
            None => job.remark(
                "there is no section [modules], without which accel-ppp does nothing; everything was read as if \
                 its module were loaded.",
            ),
            Some(modules) if !modules.iter().any(|module| module == "pptp") => {
                job.remark("the module `pptp` is not loaded: this accel-ppp does not serve PPTP.");
            }
            Some(_) => {}
        }
        let mut settings = Self { items, modules };
        settings.pass_over_unloaded(job);
        settings
    }

    /// Settings of modules that are not loaded have no effect.
    fn pass_over_unloaded(&mut self, job: &mut Job<'_>) {
        let modules = self.modules.clone();
        for item in &mut self.items {
            let Some(module) = module_of(&item.section) else {
                continue;
            };
            let loaded = modules
                .as_ref()
                .is_none_or(|modules| modules.contains(&normal(module)));
            if !loaded && !item.taken {
                item.taken = true;
                let reason = format!("the module `{module}` is not loaded");
                job.ledger.needless(item.id, reason);
            }
        }
    }

    /// Whether a module is loaded.
    pub(super) fn has_module(&self, name: &str) -> bool {
        self.modules
            .as_ref()
            .is_none_or(|modules| modules.contains(&normal(name)))
    }

    /// Whether a section is there.
    pub(super) fn has_section(&self, section: &str) -> bool {
        self.items.iter().any(|item| item.section == section)
    }

    /// The setting that counts: the first one of its name.
    pub(super) fn first(&mut self, job: &mut Job<'_>, section: &str, name: &str) -> Option<Item> {
        let mut all = self.all(section, |item| item.name == name).into_iter();
        let first = all.next()?;
        for later in all {
            let line = job.ledger.line_number(first.id);
            let reason = format!("accel-ppp takes the first `{name}`, in line {line}");
            job.ledger.needless(later.id, reason);
        }
        Some(first)
    }

    /// All settings of a section that fit.
    pub(super) fn all(&mut self, section: &str, fits: impl Fn(&Item) -> bool) -> Vec<Item> {
        let mut found = Vec::new();
        for item in &mut self.items {
            if item.section == section && !item.taken && fits(item) {
                item.taken = true;
                found.push(item.clone());
            }
        }
        found
    }

    /// All settings, for the last word on those that are open.
    pub(super) fn rest(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }
}

/// Modules are written with `-` and `_`.
fn normal(name: &str) -> String {
    name.replace('-', "_")
}

/// The module that reads a section.
fn module_of(section: &str) -> Option<&'static str> {
    Some(match section {
        "pptp" => "pptp",
        "radius" => "radius",
        "chap-secrets" => "chap-secrets",
        "ip-pool" => "ippool",
        "ipv6-pool" => "ipv6pool",
        "ipv6-dhcp" => "ipv6_dhcp",
        "ipv6-nd" => "ipv6_nd",
        "pppd-compat" => "pppd_compat",
        "shaper" => "shaper",
        "connlimit" => "connlimit",
        "snmp" => "net-snmp",
        "metrics" => "metrics",
        "log-pgsql" => "log_pgsql",
        _ => return None,
    })
}

/// Why a section has no place in Adit, if none of its lines can have one.
pub(super) fn foreign_section(section: &str) -> Option<&'static str> {
    match section {
        "pppoe" | "ipoe" | "l2tp" | "sstp" | "accel-dp" => Some("Adit speaks PPTP only"),
        _ => None,
    }
}

/// The name by which the table has a line.
pub(super) fn form(item: &Item) -> &str {
    match item.section.as_str() {
        "modules" => match item.name.as_str() {
            "chap_secrets" => "chap-secrets",
            "net_snmp" => "net-snmp",
            "pppd-compat" => "pppd_compat",
            name => name,
        },
        _ => &item.name,
    }
}
