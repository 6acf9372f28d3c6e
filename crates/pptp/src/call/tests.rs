use super::*;

const STATES: [State; 7] = [
    State::Idle,
    State::WaitAnswer,
    State::WaitReply,
    State::WaitCsAns,
    State::WaitConnect,
    State::Established,
    State::WaitDisconnect,
];

const INPUTS: [Input; 9] = [
    Input::Accept,
    Input::Refuse,
    Input::Disconnect,
    Input::ReplyAccepted,
    Input::ReplyRefused,
    Input::Connected,
    Input::ClearRequest,
    Input::DisconnectNotify,
    Input::TimeOut,
];

const ROLES: [CallRole; 4] = [
    CallRole::PacOutgoing,
    CallRole::PnsOutgoing,
    CallRole::PacIncoming,
    CallRole::PnsIncoming,
];

fn cells() -> impl Iterator<Item = (CallRole, State, Input, Step)> {
    ROLES.into_iter().flat_map(|role| {
        STATES.into_iter().flat_map(move |state| {
            INPUTS.into_iter().filter_map(move |input| {
                step(role, state, input).map(|next| (role, state, input, next))
            })
        })
    })
}

/// The states that a call can get into from the one that it begins in.
fn reachable(role: CallRole) -> Vec<State> {
    let mut states = match role {
        CallRole::PacOutgoing => vec![State::WaitCsAns],
        CallRole::PnsOutgoing | CallRole::PacIncoming => vec![State::WaitReply],
        CallRole::PnsIncoming => vec![State::WaitAnswer],
    };
    let mut at = 0;
    while let Some(&state) = states.get(at) {
        for (next, _) in INPUTS
            .into_iter()
            .filter_map(|input| step(role, state, input))
        {
            if !states.contains(&next) {
                states.push(next);
            }
        }
        at += 1;
    }
    states
}

#[test]
fn only_reachable_states_have_a_way_out() {
    for (role, state, input, _) in cells() {
        assert!(
            reachable(role).contains(&state),
            "{role:?} {state:?} {input:?}"
        );
        assert_ne!(state, State::Idle, "{role:?} {input:?}");
    }
}

#[test]
fn every_wait_can_time_out_and_every_call_can_be_ended_from_both_sides() {
    for role in ROLES {
        for state in reachable(role)
            .into_iter()
            .filter(|state| *state != State::Idle)
        {
            let has = |input| step(role, state, input).is_some();
            assert_eq!(
                has(Input::TimeOut),
                state != State::Established,
                "{role:?} {state:?}"
            );
            assert_eq!(
                has(Input::Disconnect),
                state != State::WaitDisconnect,
                "{role:?} {state:?}"
            );
            assert!(
                has(Input::DisconnectNotify) && has(Input::ClearRequest),
                "{role:?} {state:?}"
            );
        }
    }
}

#[test]
fn a_call_is_told_up_once_and_down_on_its_way_to_idle() {
    for (role, state, input, (next, actions)) in cells() {
        let cell = format!("{role:?} {state:?} {input:?}");
        let enters = next == State::Established && state != State::Established;
        assert_eq!(actions.contains(&Action::Up), enters, "{cell}");
        let ends = actions.contains(&Action::Down) || actions.contains(&Action::CloseConnection);
        assert_eq!(
            ends || input == Input::Refuse,
            next == State::Idle,
            "{cell}"
        );
    }
}

#[test]
fn each_side_sends_only_the_messages_of_its_role() {
    for (role, _, input, (_, actions)) in cells() {
        let pac = [Action::SendConnected];
        let pns = [Action::SendClearRequest];
        let foreign = if role.is_pac() { pns } else { pac };
        assert!(
            actions.iter().all(|action| !foreign.contains(action)),
            "{role:?} {input:?}"
        );
    }
}
