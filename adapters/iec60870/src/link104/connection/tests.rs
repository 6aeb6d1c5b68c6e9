use super::*;

fn timing(k: u16) -> Timing {
    Timing::new(&Params { k, ..Params::default() }, 64)
}

fn at(seconds: u64) -> Mono {
    Mono(seconds * 1_000_000_000)
}

fn frame(ns: u16, nr: u16) -> Vec<u8> {
    let mut out = vec![START, 10];
    out.extend(Apci::Information { ns, nr }.octets());
    out.extend([9, 0, 3, 0, 1, 0]);
    out
}

fn supervisory(nr: u16) -> Vec<u8> {
    let mut out = Vec::new();
    put_apdu(&mut out, Apci::Supervisory { nr });
    out
}

fn send(connection: &mut Connection<u32>, tag: u32, now: Mono) -> Vec<u8> {
    let mut out = Vec::new();
    connection.put_information(&mut out, now, |out| {
        out.extend([9, 0, 3, 0, 1, 0]);
        tag
    });
    out
}

#[test]
fn b1_15_numbers_wrap_with_k_full() {
    let mut connection = Connection::new(Channel(0), 1, timing(32767), at(0));
    for tag in 0..32_767_u32 {
        assert!(connection.may_send());
        send(&mut connection, tag, at(0));
    }
    assert!(!connection.may_send(), "k I frames are out");
    assert_eq!(connection.take(&supervisory(32_767), at(0)), Ok(Taken::Supervisory));
    assert_eq!(connection.acked.len(), 32_767);
    assert_eq!(send(&mut connection, 0, at(0))[2..4], [0xFE, 0xFF], "N(S) 32767");
    assert_eq!(send(&mut connection, 1, at(0))[2..4], [0, 0], "N(S) 0");
    assert_eq!(connection.take(&supervisory(1), at(0)), Ok(Taken::Supervisory));
    assert_eq!(connection.acked, [0, 1]);
}

#[test]
fn received_numbers_wrap_too() {
    let mut connection = Connection::<u32>::new(Channel(0), 1, Timing { max_unacked: u64::MAX, ..timing(12) }, at(0));
    for number in 0..70_000_u64 {
        let apdu = frame(u16::try_from(number % 32768).unwrap(), 0);
        let Ok(Taken::Information(n, _)) = connection.take(&apdu, at(0)) else { panic!("frame {number}") };
        assert_eq!(n, number + 1);
        connection.make_durable(n, at(0));
    }
    let mut out = Vec::new();
    connection.put_control(&mut out, 1000, at(0));
    assert_eq!(out, supervisory(u16::try_from(70_000 % 32768).unwrap()));
}

#[test]
fn a1_r05_b1_11_b1_12_nr_outside_the_window_is_refused() {
    let mut connection = Connection::new(Channel(0), 1, timing(12), at(0));
    send(&mut connection, 0, at(0));
    send(&mut connection, 1, at(0));
    assert_eq!(connection.take(&supervisory(3), at(0)), Err(Error::misbehaved("N(R) 3 outside the window 0 to 2")));
    assert!(connection.take(&supervisory(2), at(0)).is_ok());
    assert_eq!(connection.take(&supervisory(1), at(0)), Err(Error::misbehaved("N(R) 1 outside the window 2 to 2")));
}

#[test]
fn a1_r05_b1_13_b1_14_ns_gaps_and_duplicates_are_refused() {
    for wrong in [0_u16, 2, 16385] {
        let mut connection = Connection::<u32>::new(Channel(0), 1, timing(12), at(0));
        assert!(connection.take(&frame(0, 0), at(0)).is_ok());
        let error = connection.take(&frame(wrong, 0), at(0)).unwrap_err();
        assert_eq!(error.to_string(), format!("peer misbehaved: sequence gap: expected 1, got {wrong}"));
    }
}

#[test]
fn b1_16_frames_beyond_max_unacked_close_with_a_named_cause() {
    let mut connection = Connection::<u32>::new(Channel(0), 1, timing(12), at(0));
    for ns in 0..64 {
        assert!(connection.take(&frame(ns, 0), at(0)).is_ok());
    }
    let error = connection.take(&frame(64, 0), at(0)).unwrap_err();
    assert_eq!(error, Error::JournalBehind { waiting: 65, limit: 64 });
}

#[test]
fn a1_r07_w_durable_frames_are_acknowledged_at_once() {
    let mut connection = Connection::<u32>::new(Channel(0), 1, timing(12), at(0));
    for ns in 0..12 {
        assert!(connection.take(&frame(ns, 0), at(0)).is_ok());
    }
    let mut out = Vec::new();
    connection.put_control(&mut out, 1000, at(30));
    assert_eq!(out, [], "received is not durable: no N(R), whatever the time");
    connection.make_durable(7, at(30));
    connection.put_control(&mut out, 1000, at(30));
    assert_eq!(out, []);
    connection.make_durable(8, at(31));
    connection.put_control(&mut out, 1000, at(31));
    assert_eq!(out, supervisory(8));
}

#[test]
fn a1_r10_t2_runs_from_the_first_durable_frame() {
    let mut connection = Connection::<u32>::new(Channel(0), 1, timing(12), at(0));
    assert!(connection.take(&frame(0, 0), at(0)).is_ok());
    connection.make_durable(1, at(5));
    assert!(connection.take(&frame(1, 0), at(9)).is_ok());
    connection.make_durable(2, at(9));
    assert_eq!(connection.deadline(), at(15));
    let mut out = Vec::new();
    connection.put_control(&mut out, 1000, at(14));
    assert_eq!(out, []);
    connection.put_control(&mut out, 1000, at(15));
    assert_eq!(out, supervisory(2));
    assert!(connection.is_acknowledged());
}

#[test]
fn a1_r09_t1_supervises_the_oldest_i_frame() {
    let mut connection = Connection::new(Channel(0), 1, timing(12), at(0));
    send(&mut connection, 0, at(1));
    send(&mut connection, 1, at(3));
    assert!(connection.take(&supervisory(1), at(4)).is_ok());
    assert_eq!(connection.deadline(), at(18));
    assert!(connection.supervise(at(17)).is_ok());
    assert!(matches!(connection.supervise(at(18)), Err(Error::TimerExpired { timer: "t1", .. })));
}

#[test]
fn a1_r11_a1_r23_an_idle_dead_link_is_found_after_t3_and_t1() {
    let mut connection = Connection::<u32>::new(Channel(0), 1, timing(12), at(0));
    assert_eq!(connection.deadline(), at(20));
    assert!(connection.supervise(at(20)).is_ok());
    let mut out = Vec::new();
    connection.put_control(&mut out, 1000, at(20));
    assert_eq!(out, [0x68, 4, 0x43, 0, 0, 0]);
    assert_eq!(connection.deadline(), at(35));
    assert!(connection.supervise(at(34)).is_ok());
    assert!(connection.supervise(at(35)).is_err());
}

#[test]
fn b1_19_every_test_is_answered_without_a_queue() {
    let mut connection = Connection::<u32>::new(Channel(0), 1, timing(12), at(0));
    for _ in 0..1000 {
        assert!(connection.take(&[0x68, 4, 0x43, 0, 0, 0], at(0)).is_ok());
    }
    let mut out = Vec::new();
    connection.put_control(&mut out, 600, at(0));
    assert_eq!(out, [0x68, 4, 0x83, 0, 0, 0].repeat(100), "no more than the limit");
    connection.put_control(&mut out, 10_000, at(0));
    assert_eq!(out.len(), 6000);
}

#[test]
fn a_test_con_proves_what_left_before_the_test() {
    let mut connection = Connection::<u32>::new(Channel(0), 1, timing(12), at(0));
    connection.ask(Function::TestAct, at(0));
    let mark = connection.test_mark();
    assert!(connection.take(&[0x68, 4, 0x83, 0, 0, 0], at(1)).is_ok());
    assert!(!connection.answered_since(mark), "the test was older than the mark");
    connection.ask(Function::TestAct, at(1));
    assert!(connection.take(&[0x68, 4, 0x83, 0, 0, 0], at(2)).is_ok());
    assert!(connection.answered_since(mark));
}
