//! Servers whose calls come up, and what becomes of the login.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adit_client::{Cause, ClientError, Kind};
use adit_crypto::mppe_keys::Strength;
use adit_ppp::auth::Refusal;
use adit_ppp::{EncryptionPolicy, MppeConfig};

use crate::lab::{PASSWORD, config, connect, on_two_hosts, refused};
use crate::server::{Wishes, with_server};

#[test]
fn a_server_that_leaves_in_order_is_told_from_a_loss() {
    on_two_hosts(|server, client| {
        let (ended, notices) = with_server(server, Wishes::default(), |remote| {
            connect(client, &config(), |connected| {
                assert_eq!(connected.address, Some([10, 77, 0, 2].into()));
                assert_eq!(connected.peer, Some([10, 77, 0, 1].into()));
                remote.hang_up();
            })
        });
        assert_eq!(notices, ["connected"]);
        let error = ended.unwrap_err();
        assert_eq!(error.kind(), Kind::Lost);
        assert!(
            matches!(error, ClientError::Ended(Cause::ServerEnded(_))),
            "{error}"
        );
    });
}

#[test]
fn a_wrong_password_without_a_prompt_is_told() {
    on_two_hosts(|server, client| {
        let mut config = config();
        config.credentials.password = "of somebody else".to_owned().into();
        let error = with_server(server, Wishes::default(), |_| refused(client, &config));
        assert_eq!(error.kind(), Kind::WrongPassword, "{error}");
    });
}

#[test]
fn a_user_who_is_asked_again_gets_in_with_the_right_password() {
    on_two_hosts(|server, client| {
        let mut config = config();
        config.credentials.password = "first".to_owned().into();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        config.credentials.prompt = Some(Arc::new(move || {
            let tries = ["second", PASSWORD];
            let password = tries.get(counter.fetch_add(1, Ordering::SeqCst))?;
            Some((*password).to_owned().into())
        }));
        let (ended, notices) = with_server(server, Wishes::default(), |remote| {
            connect(client, &config, |_| remote.hang_up())
        });
        assert_eq!(ended.unwrap_err().kind(), Kind::Lost);
        assert_eq!(notices, ["connected"]);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_user_who_gives_up_has_a_wrong_password() {
    on_two_hosts(|server, client| {
        let mut config = config();
        config.credentials.password = "first".to_owned().into();
        config.credentials.prompt = Some(Arc::new(|| None));
        let error = with_server(server, Wishes::default(), |_| refused(client, &config));
        assert_eq!(error.kind(), Kind::WrongPassword, "{error}");
    });
}

#[test]
fn each_refusal_of_an_account_has_its_kind() {
    for (refusal, kind) in [
        (Refusal::PasswordExpired, Kind::WrongPassword),
        (Refusal::AccountDisabled, Kind::AccountRefused),
        (Refusal::RestrictedLogonHours, Kind::AccountRefused),
        (Refusal::NoDialInPermission, Kind::AccountRefused),
    ] {
        refuse_with(refusal, kind);
    }
}

fn refuse_with(refusal: Refusal, kind: Kind) {
    on_two_hosts(|server, client| {
        let wishes = Wishes {
            refusal: Some(refusal),
            ..Wishes::default()
        };
        let error = with_server(server, wishes, |_| refused(client, &config()));
        assert_eq!(error.kind(), kind, "{refusal:?} became {error}");
    });
}

#[test]
fn encryption_that_only_one_side_wants_is_told_by_both() {
    for (policy, strength) in [
        (EncryptionPolicy::Off, Strength::Bits128),
        (EncryptionPolicy::Required, Strength::Bits40),
    ] {
        on_two_hosts(|server, client| {
            let mppe = MppeConfig {
                policy,
                strengths: vec![strength],
                ..MppeConfig::default()
            };
            let wishes = Wishes {
                mppe: mppe.clone(),
                ..Wishes::default()
            };
            let error = with_server(server, wishes, |_| refused(client, &config()));
            assert_eq!(error.kind(), Kind::NoEncryption, "{mppe:?}: {error}");
        });
        on_two_hosts(|server, client| {
            let mut config = config();
            config.mppe.policy = policy;
            config.mppe.strengths = vec![strength];
            let error = with_server(server, Wishes::default(), |_| refused(client, &config));
            assert_eq!(
                error.kind(),
                Kind::NoEncryption,
                "{:?}: {error}",
                config.mppe
            );
        });
    }
}
