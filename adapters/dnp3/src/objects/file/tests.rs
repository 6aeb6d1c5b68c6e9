use super::*;

fn command() -> FileCommand<'static> {
    FileCommand {
        name: b"/comtrade/f1.cfg",
        created: DnpTime::from_millis(1_775_037_600_000).unwrap(),
        permissions: 0o644,
        key: 7,
        size: 0,
        mode: FileMode::READ,
        block_max: 1024,
        request_id: 9,
    }
}

#[test]
fn a2_r52_every_file_object_round_trips() {
    let command = command();
    assert_eq!(FileCommand::decode(&command.encode().unwrap()), Some(command));
    let asked = FileAuthentication { user: b"operator", password: b"secret", key: 0 };
    assert_eq!(FileAuthentication::decode(&asked.encode().unwrap()), Some(asked));
    let given = FileAuthentication { user: b"", password: b"", key: 0x1234_5678 };
    assert_eq!(FileAuthentication::decode(&given.encode().unwrap()), Some(given));
    let status = FileObject { handle: 1, size: 4096, block_max: 1024, request_id: 9, status: FileStatus::NOT_FOUND, text: b"no such file" };
    assert_eq!(FileObject::decode(&status.encode()), Some(status));
    let block = FileBlock { handle: 1, number: 3, last: true, octets: b"tail" };
    assert_eq!(block.encode(), b"\x01\0\0\0\x03\0\0\x80tail");
    assert_eq!(FileBlock::decode(&block.encode()), Some(block));
    let taken = FileBlockStatus { handle: 1, number: 3, last: false, status: FileStatus::BLOCK_SEQUENCE, text: b"" };
    assert_eq!(FileBlockStatus::decode(&taken.encode()), Some(taken));
    let descriptor = FileDescriptor {
        name: b"f1.dat",
        file_type: FileType::FILE,
        size: 65_536,
        created: DnpTime::MAX,
        permissions: 0o400,
        request_id: 2,
    };
    assert_eq!(FileDescriptor::decode(&descriptor.encode().unwrap()), Some(descriptor));
}

#[test]
fn b2_37_names_outside_their_object_are_no_names() {
    let whole = command().encode().unwrap();
    for (at, octet) in [(2, 0xFF), (3, 0xFF), (0, 0xFF), (1, 0xFF), (0, 25), (0, 27)] {
        let mut wrong = whole.clone();
        wrong[at] = octet;
        assert_eq!(FileCommand::decode(&wrong), None, "octet {at} is {octet}");
    }
    for end in 0..whole.len() {
        assert_eq!(FileCommand::decode(&whole[..end]), None);
    }
    let asked = FileAuthentication { user: b"operator", password: b"secret", key: 0 }.encode().unwrap();
    for end in 0..asked.len() {
        assert_eq!(FileAuthentication::decode(&asked[..end]), None);
    }
    let long = vec![b'a'; 65_510];
    assert_eq!(FileCommand { name: &long, ..command() }.encode(), None);
}

#[test]
fn b2_37_block_numbers_have_31_bits_and_a_size_is_only_a_number() {
    let block = FileBlock::decode(&[1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]).unwrap();
    assert_eq!((block.number, block.last, block.octets), (0x7FFF_FFFF, true, &[][..]));
    let huge = FileCommand { size: u32::MAX, ..command() };
    assert_eq!(FileCommand::decode(&huge.encode().unwrap()).map(|command| command.size), Some(u32::MAX));
    assert_eq!(FileBlock::decode(&[0; 7]), None);
}
