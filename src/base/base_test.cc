#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/near.h"
#include "base/note.h"
#include "base/plain.h"
#include "base/priority.h"

namespace holdfast {
namespace {

std::string temp_dir() {
  std::string path = testing::TempDir() + "holdfast-base-XXXXXX";
  return mkdtemp(path.data());
}

TEST(Bytes, codings_are_inverse_and_strict) {
  const Bytes raw("\x00\xff\x10Z", 4);
  EXPECT_EQ(to_hex(raw), "00ff105a");
  EXPECT_EQ(from_hex("00ff105a"), raw);
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_EQ(from_base64(to_base64(raw)), raw);
  EXPECT_EQ(from_base64url(to_base64url(raw)), raw);
  EXPECT_FALSE(from_base64("AP8QWg"));       // padding is required here
  EXPECT_FALSE(from_base64url("AP8QWg=="));  // and forbidden there
  EXPECT_FALSE(from_base64("AP8\x9dWg=="));  // libsodium alone would take it
  EXPECT_FALSE(from_base64("AP8Q Wg=="));
}

TEST(Bytes, reader_fails_for_good_at_the_end) {
  Bytes out;
  put_u16(out, 0x1234);
  put_varint(out, 300);
  put_sized(out, "abc");
  ByteReader reader(out);
  EXPECT_EQ(reader.u16(), 0x1234);
  EXPECT_EQ(reader.varint(), 300u);
  EXPECT_EQ(reader.sized(), "abc");
  EXPECT_TRUE(reader.done());
  reader.u8();
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u64(), 0u);
  ByteReader endless(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
  endless.varint();
  EXPECT_FALSE(endless.ok());
}

TEST(Json, members_are_counted_with_those_there_twice) {
  EXPECT_EQ(json_members("{}"), 0u);
  EXPECT_EQ(json_members(R"({"a":1,"a":2})"), 2u);
  EXPECT_EQ(json_members(R"({"a:\":":[":","\\"],"b":"x\\:"})"), 2u);
  EXPECT_EQ(json_members(R"(":)"), 0u);
}

TEST(Json, names_what_stands_twice) {
  EXPECT_EQ(json_repeated_member("{}"), "");
  EXPECT_EQ(json_repeated_member(R"({"a":"b","b":"a","c":["a","a"]})"), "");
  EXPECT_EQ(json_repeated_member(R"({"a":1,"b\"":2, "b\"" : 3})"), R"(b\")");
}

TEST(Bytes, utf8_is_checked_to_the_letter) {
  EXPECT_TRUE(is_utf8("Zoë 東京 🇺🇸"));
  EXPECT_FALSE(is_utf8("\xc0\x80"));          // overlong
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));      // surrogate
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));  // beyond U+10FFFF
  EXPECT_FALSE(is_utf8("abc\xe2\x82"));       // cut short
}

TEST(Hash, published_vectors) {
  EXPECT_EQ(to_hex(sha256("abc").view()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180
  EXPECT_EQ(sha256({"a", "", "bc"}), sha256("abc"));
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?").view()),  // RFC 4231, 4.3
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      to_hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First").view()),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");  // RFC 4231, 4.7
}

TEST(Time, rfc3339_round_trips_and_refuses) {
  for (const std::string text : {"1970-01-01T00:00:00.000Z", "2026-11-23T22:00:00.123Z", "1969-12-31T23:59:59.999Z"}) {
    const auto at = from_rfc3339(text);
    ASSERT_TRUE(at) << text;
    EXPECT_EQ(to_rfc3339(*at), text);
  }
  EXPECT_EQ(*from_rfc3339("2026-11-23T23:00:00+01:00"), *from_rfc3339("2026-11-23T22:00:00Z"));
  for (const char* bad : {"", "2026-02-30T00:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T24:00:00Z",
                          "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx"}) {
    EXPECT_FALSE(from_rfc3339(bad)) << bad;
  }
  EXPECT_EQ(date_from_days(*days_from_date("2024-02-29")), "2024-02-29");
  EXPECT_FALSE(days_from_date("2023-02-29"));
  EXPECT_FALSE(days_from_date("0000-01-01"));
}

TEST(File, a_folder_is_no_file_and_waiting_makes_it_none) {
  const std::string folder = temp_dir();
  EXPECT_EQ(read_file(folder + "/none").error().code, Code::not_found);
  for (const std::string& path : {folder, folder + "/" + std::string(300, 'x')}) {
    EXPECT_EQ(read_file(path).error().code, Code::invalid);
    EXPECT_EQ(read_file(path).error().slug, "file.io");
    EXPECT_EQ(read_file(path).error().where, path);
  }
}

TEST(File, a_pipe_is_waited_for_only_where_a_person_named_it) {
  const std::string pipe = temp_dir() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, std::string("/dev/zero")}) {
    EXPECT_EQ(read_file(path).error().slug, "file.pipe");
    EXPECT_EQ(require_no_pipe(path).error().slug, "file.pipe");
  }
  EXPECT_TRUE(require_no_pipe(pipe + ".none"));
  std::jthread writer([&] { EXPECT_TRUE(write_file(pipe, "all of it")); });
  EXPECT_EQ(read_input(pipe).value(), "all of it");
}

TEST(File, what_is_no_file_of_its_own_is_written_to_and_not_replaced) {
  const std::string folder = temp_dir(), link = folder + "/link", pipe = folder + "/pipe";
  ASSERT_TRUE(write_file(folder + "/file", "old"));
  ASSERT_EQ(::symlink("file", link.c_str()), 0);
  ASSERT_TRUE(write_file(link, "new"));
  EXPECT_EQ(read_file(folder + "/file").value(), "new");
  ASSERT_TRUE(std::filesystem::create_directory(folder + "/deep"));
  ASSERT_EQ(::symlink("../later", (folder + "/deep/link").c_str()), 0);
  ASSERT_EQ(::symlink("deep/link", (folder + "/dangling").c_str()), 0);
  ASSERT_TRUE(write_file(folder + "/dangling", "where the links lead"));
  EXPECT_EQ(read_file(folder + "/later").value(), "where the links lead");
  EXPECT_TRUE(std::filesystem::is_symlink(folder + "/dangling"));
  ASSERT_EQ(::symlink("loop", (folder + "/loop").c_str()), 0);
  EXPECT_EQ(write_file(folder + "/loop", "").error().code, Code::invalid);
  EXPECT_TRUE(std::filesystem::is_symlink(folder + "/loop"));
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::jthread reader([&] { EXPECT_EQ(read_input(pipe).value(), "all of it"); });
  ASSERT_EQ(::symlink("pipe", (folder + "/link-to-pipe").c_str()), 0);
  ASSERT_TRUE(write_file(folder + "/link-to-pipe", "all of it"));
}

TEST(Near, names_what_was_probably_meant) {
  const std::string_view known[] = {"user.contact.email", "user.contact.phone_number", "user.location"};
  EXPECT_EQ(did_you_mean("user.contact.emial", known), "; did you mean 'user.contact.email'?");
  EXPECT_EQ(did_you_mean("zzz", known), "");
}

Bytes counting(unsigned char from) {
  Bytes out;
  for (int i = 0; i < 32; ++i) out.push_back(static_cast<char>(from + i));
  return out;
}

// The log format's test vector: a checkpoint signed by the seed 00..1f.
constexpr std::string_view kVectorKey = "log.example/ev+eba61471+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
constexpr std::string_view kVectorText = "log.example/ev\n3\nLpVHl4uNpWDsqvB6sYnWeZ7MU80vVsLwGGbQH3C3ik8=\n";
constexpr std::string_view kVectorSignature =
    "— log.example/ev 66YUcW2mE83IaFfSo4Q+P3Ff1sr3N+6gnhTPj7HNkq7V0LWIFrldM3Ri0PD18YkU72bQ55qCwD03gCk//HEuaMGecQQ=\n";
constexpr std::string_view kVectorCosignature =
    "— wit.example/w 6sp1igAAAABlU/EAdjXE2PS0LSQCRJQdEJR7sv2DlxU5REa+4i/X8F0pE6cFyM/Wqg03fnKvxrhfnY+9mWIRscF6kMV6Zr"
    "HOnVvEDA==\n";

TEST(Note, the_published_vector) {
  const auto key = SigningKey::from_seed("log.example/ev", counting(0));
  ASSERT_TRUE(key);
  EXPECT_EQ(key->verifier().text(), kVectorKey);
  auto note = Note::create(std::string(kVectorText));
  ASSERT_TRUE(note);
  note->sign(*key);
  EXPECT_EQ(note->encode(), std::string(kVectorText) + "\n" + std::string(kVectorSignature));

  const auto with_witness =
      Note::parse(std::string(kVectorText) + "\n" + std::string(kVectorSignature) + std::string(kVectorCosignature));
  ASSERT_TRUE(with_witness) << with_witness.error().text();
  const std::vector<VerifierKey> keys{key->verifier()};
  EXPECT_EQ(*with_witness->verify(keys), std::vector<std::size_t>{0});
}

TEST(Note, a_changed_text_or_line_is_refused) {
  const auto key = SigningKey::generate("treasury");
  auto note = Note::create("one line\n");
  note->sign(*key);
  const std::vector<VerifierKey> keys{key->verifier()};
  const std::vector<VerifierKey> others{SigningKey::generate("treasury")->verifier()};
  EXPECT_EQ(note->verify(keys)->size(), 1u);
  EXPECT_TRUE(note->verify(others)->empty());  // same name, other key: nobody we know
  note->text = "one lime\n";
  EXPECT_EQ(note->verify(keys).error().slug, "note.signature.wrong");
  for (const char* bad :
       {"", "text", "text\n", "text\n\n", "text\n\nno dash\n", "text\n\n— name\n", "text\n\n— name AAA\n",
        "te\txt\n\n— name AAAAAAAA\n", "te\rxt\n\n— name AAAAAAAA\n", "\xff\n\n— name AAAAAAAA\n"}) {
    EXPECT_FALSE(Note::parse(bad)) << bad;
  }
}

TEST(Note, bad_keys_are_refused) {
  for (const char* bad :
       {"", "a", "a+b", "a b+eba61471+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "log.example/ev+eba61472+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "log.example/ev+eba61471+AgOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", "log.example/ev+eba61471+AQ=="}) {
    EXPECT_FALSE(VerifierKey::parse(bad)) << bad;
  }
  EXPECT_TRUE(VerifierKey::parse(std::string(kVectorKey) + "\n"));
}

TEST(KeyFile, is_private_never_overwritten_and_opens_with_its_passphrase_only) {
  const std::string dir = temp_dir();
  const auto key = SigningKey::generate("oracle");
  ASSERT_TRUE(key->save(dir + "/plain.key"));
  EXPECT_EQ(key->save(dir + "/plain.key").error().slug, "key.file.exists");
  struct stat status {};
  stat((dir + "/plain.key").c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(SigningKey::load(dir + "/plain.key")->verifier(), key->verifier());
  chmod((dir + "/plain.key").c_str(), 0640);
  EXPECT_EQ(SigningKey::load(dir + "/plain.key").error().slug, "key.file.wide");
  ASSERT_TRUE(write_file(dir + "/oracle.vkey", key->verifier().text() + "\n"));
  const auto half = SigningKey::load(dir + "/oracle.vkey");
  EXPECT_EQ(half.error().slug, "key.file.malformed");
  EXPECT_NE(half.error().what.find("public half"), std::string::npos) << half.error().text();

  ASSERT_TRUE(key->save(dir + "/sealed.key", "correct horse"));
  EXPECT_TRUE(*SigningKey::is_encrypted(dir + "/sealed.key"));
  EXPECT_EQ(SigningKey::load(dir + "/sealed.key").error().slug, "key.passphrase.missing");
  EXPECT_EQ(SigningKey::load(dir + "/sealed.key", "wrong").error().slug, "key.passphrase.wrong");
  EXPECT_EQ(SigningKey::load(dir + "/sealed.key", "correct horse")->verifier(), key->verifier());
  ASSERT_TRUE(write_file(dir + "/bad.key", "PRIVATE+KEY+oracle+00000000+AAAA\n", 0600));
  EXPECT_EQ(SigningKey::load(dir + "/bad.key").error().slug, "key.file.malformed");
  EXPECT_EQ(SigningKey::load(dir + "/none.key").error().slug, "file.missing");
  std::filesystem::remove_all(dir);
}

TEST(Plain, shows_text_and_what_would_act_is_replaced) {
  for (const char* text : {"", "Debian clang 14", "Zoë 東 صباح", "👩‍👩‍👧", "\u00a0"}) {
    EXPECT_TRUE(is_plain_line(text)) << text;
    EXPECT_EQ(to_plain(text), text);
  }
  for (const char* text : {"\n", "\t", "\x1b", "\x7f", "\u0080", "\u009f", "\u061c", "\u200e", "\u202a", "\u202e",
                           "\u2066", "\u2069", "\u2028", "\ufeff", "\xff", "\x9b"}) {
    EXPECT_FALSE(is_plain_line(std::string("a") + text)) << text;
    EXPECT_EQ(to_plain(std::string("a") + text + "b"), "a?b") << text;
  }
  EXPECT_EQ(to_plain("\xed\xa0\x80"), "???");
  EXPECT_EQ(to_plain("a\tb\nc", "\t"), "a\tb?c");
}

TEST(Json, strings_are_escaped) {
  std::string out;
  using std::string_view_literals::operator""sv;
  append_json_string(out, "q\" b\\ s/ n\n t\t r\r z\0 u\x1f é"sv);
  EXPECT_EQ(out, "\"q\\\" b\\\\ s/ n\\n t\\t r\\r z\\u0000 u\\u001f é\"");
}

TEST(Priority, is_lowered_for_the_thread_that_asks_and_no_other) {
  const auto nice = [] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); };
  const int before = nice();
  std::thread([&] {
    give_way();
    EXPECT_EQ(nice(), std::max(before, 10));
  }).join();
  EXPECT_EQ(nice(), before);
}

TEST(Priority, short_turns_change_no_thread_but_the_one_that_asks) {
  const auto turn = [] {
    std::array<std::uint64_t, 7> now{};  // a sched_attr, whose header and <sched.h> do not go together
    EXPECT_EQ(::syscall(SYS_sched_getattr, 0, now.data(), sizeof now, 0), 0);
    return now[3];  // sched_runtime
  };
  const auto before = turn();
  std::thread([&] {
    take_short_turns();
    EXPECT_TRUE(turn() == 100'000 || turn() == before) << "a kernel before 6.12 passes over it";
  }).join();
  EXPECT_EQ(turn(), before);
}

}  // namespace
}  // namespace holdfast
