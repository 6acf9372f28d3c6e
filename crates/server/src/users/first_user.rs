//! The first user of an empty database, so that one command gives a server that can be used.

use adit_crypto::nt::NtHash;

use super::{Changes, Database, GeneratedPassword, NewUser, StoreError};

/// Adds `name` with a random password, if the database has no user yet.
///
/// # Errors
/// The database failed, or the name cannot be a user's.
pub fn create_first_user(
    store: &mut Database,
    name: &str,
) -> Result<Option<GeneratedPassword>, StoreError> {
    if !store.is_empty()? {
        return Ok(None);
    }
    let password = GeneratedPassword::new()?;
    store.add(&NewUser {
        name,
        hash: &NtHash::of_password(password.as_str()),
        must_change_password: false,
        changes: &Changes::default(),
    })?;
    Ok(Some(password))
}

/// What to type into the common clients. `server` is a host name or address; the password is shown, so the
/// text is for a terminal, never for a log.
pub fn login_instructions(server: &str, user: &str, password: &GeneratedPassword) -> String {
    let password = password.as_str();
    format!(
        "\
User      {user}
Password  {password}
The password is shown this once. `adit user passwd {user}` sets another.

Windows   Settings > Network & internet > VPN > Add VPN. Server name: {server}. VPN type: Point to Point
          Tunneling Protocol (PPTP). Enter the user name and the password. Leave \"Require encryption\" on.
Linux     nmcli connection add type vpn con-name adit vpn-type pptp vpn.data \\
            \"gateway={server},user={user},require-mppe-128=yes,password-flags=2\"
          nmcli --ask connection up adit
adit      adit connect {server} --user {user}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::{Secret, UserStore};

    #[test]
    fn only_an_empty_database_gets_a_first_user() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Database::open_or_create(&directory.path().join("users.db")).unwrap();
        let password = create_first_user(&mut store, "alice").unwrap().unwrap();
        let user = store.find("alice").unwrap().unwrap();
        let Secret::NtHash(hash) = user.secret else {
            panic!("a database holds hashes");
        };
        assert_eq!(
            hash.octets(),
            NtHash::of_password(password.as_str()).octets()
        );
        assert!(create_first_user(&mut store, "bob").unwrap().is_none());
        assert!(store.find("bob").unwrap().is_none());
    }

    #[test]
    fn instructions_name_everything_to_type() {
        let password = GeneratedPassword::new().unwrap();
        let text = login_instructions("vpn.example.com", "alice", &password);
        assert_eq!(text.matches(password.as_str()).count(), 1);
        assert!(text.contains("adit connect vpn.example.com --user alice"));
        assert!(text.contains("gateway=vpn.example.com,user=alice"));
    }
}
