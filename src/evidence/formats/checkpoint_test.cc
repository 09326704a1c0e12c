#include "evidence/formats/checkpoint.h"

#include <gtest/gtest.h>

#include "evidence/formats/tile.h"
#include "evidence/formats/tree.h"

namespace holdfast::evidence {
namespace {

// A log of three entries, an empty one, "a" and "bc", as any implementation of the C2SP documents makes it.
constexpr std::string_view kText = "log.example/ev\n3\nLpVHl4uNpWDsqvB6sYnWeZ7MU80vVsLwGGbQH3C3ik8=\n";
constexpr std::string_view kLogLine =
    "\u2014 log.example/ev "
    "66YUcW2mE83IaFfSo4Q+P3Ff1sr3N+6gnhTPj7HNkq7V0LWIFrldM3Ri0PD18YkU72bQ55qCwD03gCk//HEuaMGecQQ=\n";
constexpr std::string_view kWitnessLine =
    "\u2014 wit.example/w "
    "6sp1igAAAABlU/EAdjXE2PS0LSQCRJQdEJR7sv2DlxU5REa+4i/X8F0pE6cFyM/Wqg03fnKvxrhfnY+9mWIRscF6kMV6ZrHOnVvEDA==\n";
constexpr std::string_view kLogKey = "log.example/ev+eba61471+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

Bytes seed_from(unsigned char first) {
  Bytes seed;
  for (unsigned char i = 0; i < 32; ++i) seed.push_back(static_cast<char>(first + i));
  return seed;
}

std::string vector_note() { return std::string(kText) + '\n' + std::string(kLogLine) + std::string(kWitnessLine); }

const std::vector<Bytes> kEntries = {"", "a", "bc"};

TEST(PublishedVector, TreeAndTiles) {
  Frontier frontier;
  Bytes bundle;
  std::vector<std::string> leaves;
  for (const Bytes& entry : kEntries) {
    put_entry(bundle, entry);
    frontier.append(leaf_hash(entry));
    leaves.push_back(to_hex(leaf_hash(entry).view()));
    if (frontier.size() == 2) {
      EXPECT_EQ(to_hex(frontier.root().view()), "688dc6244b041199e7ab4990df6340ce3dc14caa5cd5a0e1131addaa1209e1a6");
    }
  }
  EXPECT_EQ(leaves[0], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  EXPECT_EQ(leaves[1], "022a6979e6dab7aa5ae4c3e5e45f7e977112a7e63593820dbec1ec738a24f93c");
  EXPECT_EQ(leaves[2], "4075b6a68556aaa03188190d906199743692269dd8556b034c418f194a70e188");
  EXPECT_EQ(bundle, std::string("\0\0\0\1a\0\2bc", 9));
  EXPECT_EQ(to_base64(frontier.root().view()), "LpVHl4uNpWDsqvB6sYnWeZ7MU80vVsLwGGbQH3C3ik8=");
}

TEST(PublishedVector, CheckpointAndItsSignature) {
  const SigningKey key = SigningKey::from_seed("log.example/ev", seed_from(0)).value();
  EXPECT_EQ(key.verifier().text(), kLogKey);
  const Checkpoint checkpoint = Checkpoint::parse(kText).value();
  EXPECT_EQ(checkpoint.text(), kText);
  EXPECT_EQ(checkpoint.size, 3u);
  Note note = Note::create(checkpoint.text()).value();
  note.sign(key);
  EXPECT_EQ(note.encode(), std::string(kText) + '\n' + std::string(kLogLine));
}

TEST(PublishedVector, OpensWithACosignatureOfAWitnessWhomNobodyHereKnows) {
  const VerifierKey log = VerifierKey::parse(kLogKey).value();
  const auto checkpoint = open_checkpoint(vector_note(), log);
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(*checkpoint, Checkpoint::parse(kText).value());
}

TEST(OpenCheckpoint, RefusesOtherKeysNamesAndEdits) {
  const VerifierKey log = VerifierKey::parse(kLogKey).value();
  const std::string note = vector_note();
  const SigningKey other = SigningKey::from_seed("log.example/ev", seed_from(9)).value();
  EXPECT_EQ(open_checkpoint(note, other.verifier()).error().slug, "evidence.checkpoint.unsigned");

  const SigningKey elsewhere = SigningKey::from_seed("elsewhere.example", seed_from(9)).value();
  Note foreign = Note::create(std::string(kText)).value();
  foreign.sign(elsewhere);
  EXPECT_EQ(open_checkpoint(foreign.encode(), elsewhere.verifier()).error().slug, "evidence.checkpoint.origin");

  const std::size_t log_line_end = kText.size() + 1 + kLogLine.size() - 1;
  for (std::size_t at = 0; at < log_line_end; ++at) {
    for (const int bit : {0, 3, 6}) {
      std::string edited = note;
      edited[at] = static_cast<char>(edited[at] ^ (1 << bit));
      EXPECT_FALSE(open_checkpoint(edited, log)) << "byte " << at << " bit " << bit;
    }
  }
}

TEST(CheckpointText, HasOneSpelling) {
  const std::string root = "LpVHl4uNpWDsqvB6sYnWeZ7MU80vVsLwGGbQH3C3ik8=\n";
  EXPECT_TRUE(Checkpoint::parse("o\n0\n" + root));
  EXPECT_TRUE(Checkpoint::parse("o\n9223372036854775807\n" + root));
  EXPECT_EQ(Checkpoint::parse("o\n7\n" + root + "an extension\nand another\n")->size, 7u);
  for (const std::string& text :
       {std::string(), std::string("\n"), "o\n7\n" + root.substr(0, root.size() - 1), "\n7\n" + root, "o\n\n" + root,
        "o\n07\n" + root, "o\n+7\n" + root, "o\n-7\n" + root, "o\n7 \n" + root, "o\n0x7\n" + root,
        "o\n18446744073709551616\n" + root, std::string("o\n7\n"), std::string("o\n7\nAAAA\n"), "o\n7\n" + root + "\n",
        "o\n7\n" + root + "x\n\n", "o\n7\nLpVHl4uNpWDsqvB6sYnWeZ7MU80vVsLwGGbQH3C3ik9=\n" + std::string(),
        "o\n7\nLpVHl4uNpWDsqvB6sYnWeZ7MU80vVsLwGGbQH3C3ik8\n" + std::string()}) {
    EXPECT_EQ(Checkpoint::parse(text).error().code, Code::corrupt) << text;
  }
}

TlogProof vector_proof(std::uint64_t index) {
  std::vector<Hash> leaves;
  for (const Bytes& entry : kEntries) leaves.push_back(leaf_hash(entry));
  const HashReader read = [leaves](unsigned level, std::uint64_t at) -> Result<Hash> {
    return level == 0 ? leaves[at] : node_hash(leaves[0], leaves[1]);
  };
  return {.index = index, .hashes = inclusion_proof(index, 3, read).value(), .checkpoint = vector_note(), .extra = {}};
}

TEST(TlogProofFile, LeadsFromEveryEntryToTheLogsKey) {
  const VerifierKey log = VerifierKey::parse(kLogKey).value();
  for (std::uint64_t index = 0; index < kEntries.size(); ++index) {
    TlogProof proof = vector_proof(index);
    for (const Bytes& extra : {Bytes(), Bytes("what a client wants to keep")}) {
      proof.extra = extra;
      const auto parsed = TlogProof::parse(proof.encode());
      ASSERT_TRUE(parsed) << parsed.error().text();
      EXPECT_EQ(parsed->encode(), proof.encode());
      EXPECT_EQ(parsed->extra, extra);
      for (std::size_t other = 0; other < kEntries.size(); ++other) {
        EXPECT_EQ(parsed->check(kEntries[other], log).has_value(), other == index);
      }
    }
  }
}

TEST(TlogProofFile, HasOneSpelling) {
  const std::string good = vector_proof(0).encode();
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string out = good;
    out.replace(out.find(from), from.size(), to);
    return out;
  };
  ASSERT_TRUE(TlogProof::parse(good));
  const std::string_view header = "c2sp.org/tlog-proof@v1\n";
  std::string many;
  for (int i = 0; i < 65; ++i) many += "LpVHl4uNpWDsqvB6sYnWeZ7MU80vVsLwGGbQH3C3ik8=\n";
  for (const std::string& text :
       {std::string(), std::string(header), std::string(header) + "index 0\n", replaced("@v1", "@v2"),
        replaced("index 0", "index 00"), replaced("index 0", "index -1"), replaced("index 0", "index"),
        replaced("index 0", "index 0 "), replaced("index 0", "extra \nindex 0"),
        replaced("index 0", "extra ?\nindex 0"), replaced("index 0\n", "index 0\nAAAA\n"),
        replaced("index 0\n", "index 0\r\n"), replaced("index 0\n", "index 0\n" + many),
        replaced("index 0", "index 18446744073709551616")}) {
    EXPECT_EQ(TlogProof::parse(text).error().code, Code::corrupt) << text;
  }
}

}  // namespace
}  // namespace holdfast::evidence
