//! Files: row 52.

use bridge_session::Field;

use crate::app::{FragmentView, Function, Iin};
use crate::objects::{
    DnpTime, FileAuthentication, FileBlock, FileBlockStatus, FileCommand, FileDescriptor, FileMode, FileObject, FileStatus, FileType,
};
use crate::outstation::files::normalised;
use crate::outstation::test_kit::*;
use crate::outstation::{FileStore, MemoryFiles};

fn memory() -> MemoryFiles {
    let files = [("log/a.txt", b"0123456789".repeat(50)), ("log/b.txt", b"short".to_vec()), ("top", Vec::new())];
    MemoryFiles { files: files.into_iter().map(|(name, octets)| (name.to_owned(), octets)).collect(), key: None }
}

fn bench_of(allow: &str, files: MemoryFiles) -> Bench {
    let params: [(&str, Field); 3] = [("unsolicited", text("")), ("allow", text(allow)), ("max_transmit", Field::Int(249))];
    let mut bench = Bench::with(&spec(&params), Box::new(files));
    bench.open();
    bench.clear_restart();
    bench
}

fn bench() -> Bench {
    bench_of("files, file_write", memory())
}

fn object(variation: u8, octets: &[u8]) -> Vec<u8> {
    let size = u16::try_from(octets.len()).unwrap().to_le_bytes();
    [&[70, variation, 0x5B, 1][..], &size, octets].concat()
}

/// The one object of the answer: its variation and octets.
fn ask(bench: &mut Bench, function: Function, variation: u8, octets: &[u8]) -> (u8, Vec<u8>) {
    let got = bench.ask(function, &object(variation, octets));
    assert_eq!(got.iin, Iin(0));
    let octets = [&[0xC0, 129, 0, 0], got.body.as_slice()].concat();
    let view = FragmentView::response(&octets).unwrap();
    let header = view.headers().next().unwrap().unwrap();
    (header.header.variation, header.objects().next().unwrap().payload.octets().to_vec())
}

fn command(name: &str, mode: FileMode) -> FileCommand<'_> {
    let created = DnpTime::default();
    FileCommand { name: name.as_bytes(), created, permissions: 0o644, key: 0, size: u32::MAX, mode, block_max: 1024, request_id: 9 }
}

/// Handle, size, longest block and status.
fn open(bench: &mut Bench, command: &FileCommand<'_>) -> (u32, u32, u16, FileStatus) {
    let (variation, octets) = ask(bench, Function::OpenFile, 3, &command.encode().unwrap());
    let file = FileObject::decode(&octets).unwrap();
    assert_eq!((variation, file.request_id), (4, 9));
    (file.handle, file.size, file.block_max, file.status)
}

fn read(bench: &mut Bench, handle: u32, number: u32) -> Result<(Vec<u8>, bool), FileStatus> {
    let (variation, octets) = ask(bench, Function::Read, 5, &FileBlock { handle, number, last: false, octets: b"" }.encode());
    if variation == 6 {
        return Err(FileBlockStatus::decode(&octets).unwrap().status);
    }
    let block = FileBlock::decode(&octets).unwrap();
    assert_eq!((block.handle, block.number), (handle, number));
    Ok((block.octets.to_vec(), block.last))
}

fn write(bench: &mut Bench, handle: u32, number: u32, octets: &[u8]) -> FileStatus {
    let (variation, octets) = ask(bench, Function::Write, 5, &FileBlock { handle, number, last: false, octets }.encode());
    assert_eq!(variation, 6);
    FileBlockStatus::decode(&octets).unwrap().status
}

fn close(bench: &mut Bench, handle: u32) -> FileStatus {
    let closing = FileObject { handle, size: 0, block_max: 0, request_id: 9, status: FileStatus::SUCCESS, text: b"" };
    FileObject::decode(&ask(bench, Function::CloseFile, 4, &closing.encode()).1).unwrap().status
}

#[test]
fn a2_r52_a_file_is_read_block_by_block() {
    let mut bench = bench();
    let (handle, size, block_max, status) = open(&mut bench, &command("log/a.txt", FileMode::READ));
    assert_eq!((size, block_max, status), (500, 231, FileStatus::SUCCESS));
    let (mut all, mut number) = (Vec::new(), 0);
    loop {
        let (octets, last) = read(&mut bench, handle, number).unwrap();
        assert_eq!(read(&mut bench, handle, number), Ok((octets.clone(), last)), "a lost answer is given again");
        all.extend(octets);
        number += 1;
        if last {
            break;
        }
    }
    assert_eq!((all, number), (b"0123456789".repeat(50), 3));
    assert_eq!(close(&mut bench, handle), FileStatus::SUCCESS);
}

#[test]
fn b2_37_blocks_that_jump_and_handles_that_are_none() {
    let mut bench = bench();
    let (handle, ..) = open(&mut bench, &command("log/a.txt", FileMode::READ));
    assert_eq!(read(&mut bench, handle, 1), Err(FileStatus::BLOCK_SEQUENCE));
    assert_eq!(read(&mut bench, handle, 0x7FFF_FFFF), Err(FileStatus::BLOCK_SEQUENCE));
    assert_eq!(read(&mut bench, handle + 1, 0), Err(FileStatus::INVALID_HANDLE));
    assert_eq!(write(&mut bench, handle, 0, b"x"), FileStatus::PERMISSION_DENIED, "opened to read");
    assert_eq!(close(&mut bench, handle), FileStatus::SUCCESS);
    assert_eq!(read(&mut bench, handle, 0), Err(FileStatus::INVALID_HANDLE), "after its close");
    assert_eq!(close(&mut bench, handle), FileStatus::INVALID_HANDLE);
    let (next, ..) = open(&mut bench, &command("log/a.txt", FileMode::READ));
    assert!(next > handle, "handles are not used again");
    bench.pass_ms(60_000);
    assert_eq!(read(&mut bench, next, 0), Err(FileStatus::HANDLE_EXPIRED));
}

#[test]
fn b2_37_names_stay_inside_their_folder() {
    for (name, expected) in [
        (&b"/log//./a.txt"[..], Ok("log/a.txt")),
        (b"", Ok("")),
        (b"log\\a.txt", Ok("log/a.txt")),
        (b"../etc/passwd", Err(FileStatus::PERMISSION_DENIED)),
        (b"log/../../x", Err(FileStatus::PERMISSION_DENIED)),
        (b"log\\..\\x", Err(FileStatus::PERMISSION_DENIED)),
        (b"C:/x", Err(FileStatus::PERMISSION_DENIED)),
        (b"a\0b", Err(FileStatus::NOT_FOUND)),
        (b"\xFF", Err(FileStatus::NOT_FOUND)),
        (&[b'a'; 256], Err(FileStatus::NOT_FOUND)),
    ] {
        assert_eq!(normalised(name).as_deref().map_err(|status| *status), expected);
    }
    let mut bench = bench();
    assert_eq!(open(&mut bench, &command("../a", FileMode::WRITE)).3, FileStatus::PERMISSION_DENIED);
    let mut octets = command("log/a.txt", FileMode::READ).encode().unwrap();
    octets[2] = 200;
    assert_eq!(bench.ask(Function::OpenFile, &object(3, &octets)).iin, Iin::PARAMETER_ERROR, "a name that ends behind its object");
}

#[test]
fn a2_r52_a_file_is_written_appended_to_and_deleted() {
    let mut bench = bench();
    let (handle, _, block_max, status) = open(&mut bench, &command("log/new", FileMode::WRITE));
    assert_eq!(status, FileStatus::SUCCESS);
    assert_eq!(write(&mut bench, handle, 0, b"one "), FileStatus::SUCCESS);
    assert_eq!(write(&mut bench, handle, 0, b"one "), FileStatus::SUCCESS, "again, for a lost answer: not appended twice");
    assert_eq!(write(&mut bench, handle, 2, b"three"), FileStatus::BLOCK_SEQUENCE);
    assert_eq!(write(&mut bench, handle, 1, &vec![0; usize::from(block_max) + 1]), FileStatus::WRITE_BLOCK_SIZE);
    assert_eq!(write(&mut bench, handle, 1, b"two "), FileStatus::SUCCESS);
    assert_eq!(open(&mut bench, &command("log/new", FileMode::READ)).3, FileStatus::LOCKED);
    assert_eq!(close(&mut bench, handle), FileStatus::SUCCESS);
    let (handle, size, ..) = open(&mut bench, &command("log/new", FileMode::APPEND));
    assert_eq!((size, write(&mut bench, handle, 0, b"three")), (8, FileStatus::SUCCESS));
    close(&mut bench, handle);
    let (handle, ..) = open(&mut bench, &command("log/new", FileMode::READ));
    assert_eq!(read(&mut bench, handle, 0), Ok((b"one two three".to_vec(), true)));
    let delete = |bench: &mut Bench| {
        FileObject::decode(&ask(bench, Function::DeleteFile, 3, &command("log/new", FileMode::NUL).encode().unwrap()).1).unwrap().status
    };
    assert_eq!(delete(&mut bench), FileStatus::LOCKED);
    close(&mut bench, handle);
    assert_eq!(delete(&mut bench), FileStatus::SUCCESS);
    assert_eq!(delete(&mut bench), FileStatus::NOT_FOUND);
    assert!(bench.frames.iter().any(|frame| frame.2[1] == Function::DeleteFile.code()), "a deletion is evidence");
}

#[test]
fn a2_r52_directories_read_as_descriptors() {
    let mut bench = bench();
    let asked =
        FileDescriptor { name: b"log", file_type: FileType::FILE, size: 0, created: DnpTime::default(), permissions: 0, request_id: 4 };
    let (variation, octets) = ask(&mut bench, Function::GetFileInfo, 7, &asked.encode().unwrap());
    let info = FileDescriptor::decode(&octets).unwrap();
    assert_eq!((variation, info.file_type, info.size, info.request_id, info.name), (7, FileType::DIRECTORY, 2, 4, &b"log"[..]));
    let none = FileDescriptor { name: b"nowhere", ..asked };
    let (variation, octets) = ask(&mut bench, Function::GetFileInfo, 7, &none.encode().unwrap());
    assert_eq!((variation, FileObject::decode(&octets).unwrap().status), (4, FileStatus::NOT_FOUND));
    let (handle, size, ..) = open(&mut bench, &command("log", FileMode::READ));
    let (listing, last) = read(&mut bench, handle, 0).unwrap();
    assert_eq!((u32::try_from(listing.len()), last), (Ok(size), true));
    let first = FileDescriptor::decode(&listing[..29]).unwrap();
    assert_eq!((first.name, first.size), (&b"a.txt"[..], 500));
}

#[test]
fn a2_r52_a_key_is_asked_for_where_the_store_wants_one() {
    let files = MemoryFiles { key: Some((b"ems".to_vec(), b"secret".to_vec(), 77)), ..memory() };
    let mut bench = bench_of("files", files);
    assert_eq!(open(&mut bench, &command("top", FileMode::READ)).3, FileStatus::PERMISSION_DENIED);
    let mut key = |password: &[u8]| {
        let who = FileAuthentication { user: b"ems", password, key: 0 }.encode().unwrap();
        let (variation, octets) = ask(&mut bench, Function::AuthenticateFile, 2, &who);
        assert_eq!(variation, 2);
        FileAuthentication::decode(&octets).unwrap().key
    };
    assert_eq!((key(b"wrong"), key(b"secret")), (0, 77));
    assert_eq!(open(&mut bench, &FileCommand { key: 77, ..command("top", FileMode::READ) }).3, FileStatus::SUCCESS);
    assert!(bench.frames.iter().all(|frame| frame.2[1] != Function::AuthenticateFile.code()), "a password is no evidence");
}

#[test]
fn a2_r52_what_is_not_allowed_and_what_is_too_much() {
    let mut closed = bench_of("", memory());
    let body = object(3, &command("top", FileMode::READ).encode().unwrap());
    assert_eq!(closed.ask(Function::OpenFile, &body).iin, Iin::NO_FUNC_CODE_SUPPORT);
    assert_eq!(closed.ask(Function::Read, &object(5, &[0; 8])).iin, Iin::OBJECT_UNKNOWN);
    let mut reading = bench_of("files", memory());
    assert_eq!(open(&mut reading, &command("top", FileMode::WRITE)).3, FileStatus::PERMISSION_DENIED);
    assert_eq!(open(&mut reading, &command("top", FileMode(4))).3, FileStatus::INVALID_MODE);
    assert_eq!(open(&mut reading, &command("nowhere", FileMode::READ)).3, FileStatus::NOT_FOUND);
    for _ in 0..8 {
        assert_eq!(open(&mut reading, &command("top", FileMode::READ)).3, FileStatus::SUCCESS);
    }
    assert_eq!(open(&mut reading, &command("top", FileMode::READ)).3, FileStatus::TOO_MANY_OPEN);
    reading.close();
    reading.open();
    assert_eq!(open(&mut reading, &command("top", FileMode::READ)).3, FileStatus::SUCCESS, "a lost link closes files");
    let mut store = memory();
    assert_eq!(store.info("top").map(|info| info.size), Ok(0));
}
