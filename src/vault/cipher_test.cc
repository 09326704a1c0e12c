#include "vault/cipher.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstring>
#include <set>
#include <thread>

#include "base/file.h"

namespace holdfast::vault {
namespace {

Key256 key_of(std::string_view hex) { return *Key256::from(*from_hex(hex)); }

Nonce nonce_of(ByteView raw) {
  Nonce out;
  std::memcpy(out.data(), raw.data(), out.size());
  return out;
}

struct Vector {
  const char *key, *nonce, *aad, *plaintext, *ciphertext, *tag;
};

// NIST's vectors for AES-256-GCM: test cases 13 to 16 of McGrew and Viega's submission, which SP 800-38D adopted.
constexpr Vector kNist[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
     "ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
     "bcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
     "ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
     "bcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

TEST(Cipher, MeetsTheVectorsOfNist) {
  for (const Vector& vector : kNist) {
    const Key256 key = key_of(vector.key);
    const Nonce nonce = nonce_of(*from_hex(vector.nonce));
    const Bytes aad = *from_hex(vector.aad), plaintext = *from_hex(vector.plaintext);
    Bytes sealed, opened;
    encrypt(key, nonce, aad, plaintext, sealed);
    EXPECT_EQ(to_hex(sealed), std::string(vector.ciphertext) + vector.tag);
    EXPECT_TRUE(decrypt(key, nonce, aad, sealed, opened));
    EXPECT_EQ(opened, plaintext);
  }
}

std::string wycheproof_path() {
  const char* shared = std::getenv("HOLDFAST_SHARED_DATA");
  const std::string folder = shared != nullptr ? shared : HOLDFAST_SOURCE_DIR "/../shared/data";
  return folder + "/vectors/aes_gcm_test.json";
}

TEST(Cipher, MeetsWycheproof) {
  const auto file = read_file(wycheproof_path());
  if (!file) GTEST_SKIP() << "Wycheproof's aes_gcm_test.json is not here";
  int seen = 0;
  const boost::json::value document = boost::json::parse(*file);
  for (const auto& group : document.at("testGroups").as_array()) {
    // Other sizes cannot be said through this interface.
    if (group.at("keySize").as_int64() != 256 || group.at("ivSize").as_int64() != 96) continue;
    for (const auto& test : group.at("tests").as_array()) {
      const auto bytes = [&](const char* name) { return *from_hex(std::string(test.at(name).as_string())); };
      const Key256 key = *Key256::from(bytes("key"));
      const Nonce nonce = nonce_of(bytes("iv"));
      const Bytes sealed = bytes("ct") + bytes("tag");
      const bool valid = test.at("result").as_string() != "invalid";
      Bytes out;
      EXPECT_EQ(decrypt(key, nonce, bytes("aad"), sealed, out), valid) << "tcId " << test.at("tcId").as_int64();
      EXPECT_EQ(out, valid ? bytes("msg") : Bytes()) << "tcId " << test.at("tcId").as_int64();
      if (valid) {
        Bytes again;
        encrypt(key, nonce, bytes("aad"), bytes("msg"), again);
        EXPECT_EQ(again, sealed) << "tcId " << test.at("tcId").as_int64();
      }
      ++seen;
    }
  }
  EXPECT_GT(seen, 50);
}

TEST(Cipher, OpensWhatItSealedAndNothingElse) {
  const Key256 key = Key256::random();
  for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 4096u, 100'000u}) {
    const Bytes plaintext = random_bytes(size);
    Bytes sealed = "before", opened;
    seal(key, "place", plaintext, sealed);
    ASSERT_EQ(sealed.size(), 6 + size + kSealBytes) << "appends";
    sealed.erase(0, 6);
    ASSERT_TRUE(unseal(key, "place", sealed, opened));
    EXPECT_EQ(opened, plaintext);
    EXPECT_FALSE(unseal(key, "other place", sealed, opened));
    EXPECT_TRUE(opened.empty()) << "nothing unauthenticated is handed out";
    EXPECT_FALSE(unseal(Key256::random(), "place", sealed, opened));
    EXPECT_FALSE(unseal(key, "place", sealed.substr(0, sealed.size() - 1), opened));
  }
}

TEST(Cipher, NoticesEveryFlippedBit) {
  const Key256 key = Key256::random();
  Bytes sealed, opened;
  seal(key, "", "some text of a record", sealed);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes damaged = sealed;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(unseal(key, "", damaged, opened)) << "bit " << bit;
  }
  for (std::size_t size = 0; size < kSealBytes; ++size) EXPECT_FALSE(unseal(key, "", sealed.substr(0, size), opened));
}

TEST(Nonce, IsNeverGivenTwiceByThreads) {
  constexpr int kThreads = 4, kEach = 50'000;
  std::vector<std::vector<Nonce>> given(kThreads);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : given) {
      threads.emplace_back([&mine] {
        for (int i = 0; i < kEach; ++i) mine.push_back(next_nonce());
      });
    }
  }
  std::set<Nonce> all;
  for (const auto& mine : given) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), std::size_t{kThreads} * kEach);
}

TEST(Nonce, IsNotSharedWithAForkedChild) {
  next_nonce();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const Nonce mine = next_nonce();
    _exit(write(ends[1], mine.data(), mine.size()) == static_cast<ssize_t>(mine.size()) ? 0 : 1);
  }
  Nonce theirs;
  ASSERT_EQ(read(ends[0], theirs.data(), theirs.size()), static_cast<ssize_t>(theirs.size()));
  waitpid(child, nullptr, 0);
  close(ends[0]), close(ends[1]);
  EXPECT_NE(std::memcmp(theirs.data(), next_nonce().data(), 8), 0) << "the child starts from a number of its own";
}

}  // namespace
}  // namespace holdfast::vault
