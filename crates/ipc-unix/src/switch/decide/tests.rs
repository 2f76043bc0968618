use super::*;

fn ids(uid: u32, gid: u32, groups: &[u32]) -> UnixIdentity {
    UnixIdentity { uid, gid, groups: Some(groups.to_vec()) }
}

fn vouched(ids: UnixIdentity) -> Peer {
    Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel)
}

fn own(uid: u32, gid: u32, groups: &[u32], effective: u64) -> ThreadState {
    let one = |id| Ids { real: id, effective: id, saved: id };
    let capabilities = Capabilities { effective, permitted: effective, inheritable: 0 };
    ThreadState { uid: one(uid), gid: one(gid), groups: groups.to_vec(), capabilities }
}

const OVERFLOW: [u32; 2] = [60_000, 60_001];

#[test]
fn a_level_below_impersonation_is_too_low_and_one_above_is_never_taken_for_it() {
    level(Some(ImpersonationLevel::Impersonation)).expect("enough");
    for granted in
        [None, Some(ImpersonationLevel::Anonymous), Some(ImpersonationLevel::Identification)]
    {
        let refusal = level(granted).expect_err("too low");
        assert!(matches!(refusal, Error::LevelTooLow { granted: g, .. } if g == granted));
    }
    let refusal = level(Some(ImpersonationLevel::Delegation)).expect_err("cannot be honoured");
    assert!(matches!(refusal, Error::Unsupported { .. }), "{refusal:?}");
}

#[test]
fn t18_a_peer_without_identity_groups_or_voucher_is_unknown() {
    let known = ids(5, 5, &[]);
    for peer in [
        Peer::new(None, Assurance::Kernel),
        Peer::new(Some(Identity::Unix(known.clone())), Assurance::None),
        Peer::this_process(Some(Identity::Unix(known.clone()))),
        vouched(UnixIdentity { groups: None, ..known }),
    ] {
        let refusal = identity(&peer, OVERFLOW).expect_err("unknown");
        assert!(matches!(refusal, Error::IdentityUnknown { .. }), "{refusal:?}");
    }
}

#[test]
fn t18_t19_an_id_that_is_none_or_stands_for_all_without_a_name_is_refused_anywhere() {
    identity(&vouched(ids(0, 0, &[])), OVERFLOW).expect("root has ids");
    let no_user = [u32::MAX, NOBODY, OVERFLOW[0]];
    let no_group = [u32::MAX, NOBODY, OVERFLOW[1]];
    let refused = no_user.map(|uid| ids(uid, 5, &[])).into_iter();
    let refused = refused.chain(no_group.map(|gid| ids(5, gid, &[])));
    for ids in refused.chain(no_group.map(|gid| ids(5, 5, &[4, gid]))) {
        let refusal = identity(&vouched(ids.clone()), OVERFLOW).expect_err("refused");
        assert!(matches!(refusal, Error::IdentityRefused { .. }), "{ids:?}: {refusal:?}");
    }
}

#[test]
fn a_thread_that_may_take_on_any_identity_always_does() {
    for (uid, effective) in [(0, u64::MAX), (42_000, Capabilities::SWITCH)] {
        let own = own(uid, uid, &[], effective);
        for peer in [ids(uid, uid, &[]), ids(7, 7, &[])] {
            assert_eq!(way(&own, &peer).expect("a way"), Way::Become(Change::Identity));
        }
    }
}

#[test]
fn without_privilege_only_the_very_same_user_and_groups_are_acted_as() {
    let me = own(7, 8, &[9, 10], 0);
    assert_eq!(way(&me, &ids(7, 8, &[9, 10])).expect("a way"), Way::AsIs);
    assert_eq!(way(&me, &ids(7, 8, &[8, 9, 10])).expect("the same rights"), Way::AsIs);
    for other in
        [ids(6, 8, &[9, 10]), ids(7, 9, &[9, 10]), ids(7, 8, &[9]), ids(7, 8, &[9, 10, 11])]
    {
        let refusal = way(&me, &other).expect_err("another");
        assert!(matches!(refusal, Error::NotPrivileged { .. }), "{refusal:?}");
    }
}

#[test]
fn other_capabilities_are_laid_down_for_a_peer_of_the_same_ids() {
    for effective in [1 << 10, 1 << 6, 1 << 7] {
        let me = own(7, 7, &[], effective);
        assert_eq!(way(&me, &ids(7, 7, &[])).expect("a way"), Way::Become(Change::Capabilities));
        way(&me, &ids(8, 8, &[])).expect_err("needs both");
    }
}

#[test]
fn an_identity_from_which_there_is_no_way_back_is_not_taken_on() {
    let modest = own(42_000, 42_000, &[], Capabilities::SWITCH);
    let refusal = way(&modest, &ids(0, 0, &[])).expect_err("the capabilities would be lost");
    assert!(refusal.to_string().contains("root itself"), "{refusal}");

    let mut half = own(42_000, 42_000, &[], Capabilities::SWITCH);
    half.uid.effective = 0;
    way(&half, &ids(7, 7, &[])).expect_err("uid 0 could not be taken back");
    half.uid.saved = 0;
    way(&half, &ids(7, 7, &[])).expect("uid 0 is kept");
}

fn lives(user: Told, mount: Told) -> Namespaces {
    Namespaces { user, mount }
}

const ALL_TOLD: [Told; 5] = [Told::Own, Told::Other, Told::Untellable, Told::Denied, Told::Failed];

#[test]
fn uid_0_is_acted_as_only_at_home_or_when_named() {
    let root = ids(0, 0, &[]);
    for (user, mount) in ALL_TOLD.iter().flat_map(|user| ALL_TOLD.map(|mount| (*user, mount))) {
        let named = ActAs::default().root(true);
        residence(&root, lives(user, mount), &named).expect("named");
        for settings in [ActAs::default(), ActAs::default().sandboxed(true)] {
            let outcome = residence(&root, lives(user, mount), &settings);
            if (user, mount) == (Told::Own, Told::Own) {
                assert_eq!(outcome.expect("at home"), Residence::Admitted);
            } else {
                let refusal = outcome.expect_err("not at home");
                assert!(matches!(refusal, Error::IdentityRefused { .. }), "{refusal:?}");
                assert!(refusal.to_string().contains("`--allow uid:0`"), "{refusal}");
            }
        }
    }
}

#[test]
fn t17_another_peer_in_another_user_namespace_is_refused_unless_sandboxed_ones_are_named() {
    let user = ids(7, 7, &[]);
    for mount in ALL_TOLD {
        let decide = |told| residence(&user, lives(told, mount), &ActAs::default());
        assert_eq!(decide(Told::Own).expect("at home"), Residence::Admitted);
        assert_eq!(decide(Told::Untellable).expect("cannot be known"), Residence::Admitted);
        assert_eq!(decide(Told::Denied).expect("to be asked again"), Residence::AskAgain);
        for told in [Told::Other, Told::Failed] {
            let refusal = decide(told).expect_err("sandboxed");
            assert!(matches!(refusal, Error::Sandboxed { .. }), "{refusal:?}");
            assert!(refusal.to_string().contains("`--allow sandboxed`"), "{refusal}");
            let named = ActAs::default().sandboxed(true);
            residence(&user, lives(told, mount), &named).expect("named");
        }
    }
}
