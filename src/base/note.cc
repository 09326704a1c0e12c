#include "base/note.h"

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // U+2014 and a space

tl::unexpected<Error> malformed(std::string what) { return fail(Code::invalid, "note.malformed", "", std::move(what)); }

Result<void> check_text(std::string_view text) {
  if (text.empty() || text.back() != '\n') return malformed("a note's text ends in a newline");
  if (text.size() > kNoteBytesMax) return malformed("a note is at most 4 MiB");
  std::size_t line = 1;
  for (const char c : text) {
    if (c == '\n') ++line;
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n') {
      return fail(Code::invalid, "note.malformed", std::to_string(line),
                  "a note's text has no control characters, tabs and carriage returns included");
    }
  }
  if (!is_utf8(text)) return malformed("a note's text is UTF-8");
  return {};
}

Result<NoteSignature> parse_signature(std::string_view line) {
  if (!line.starts_with(kDash)) return malformed("a signature line starts with a dash (U+2014) and a space");
  line.remove_prefix(kDash.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0) return malformed("a signature line is: dash, name, base64");
  const auto raw = from_base64(line.substr(space + 1));
  if (!raw || raw->size() < 5) return malformed("a signature is base64 of a key id and the signature");
  NoteSignature out;
  out.name = line.substr(0, space);
  if (out.name.find('+') != std::string::npos) return malformed("a key's name has no '+'");
  ByteReader reader(*raw);
  out.key_id = reader.u32();
  out.signature = reader.take(reader.left());
  return out;
}

}  // namespace

Result<Note> Note::create(std::string text) {
  HF_CHECK(check_text(text));
  Note out;
  out.text = std::move(text);
  return out;
}

Result<Note> Note::parse(std::string_view whole) {
  const std::size_t blank = whole.rfind("\n\n");
  if (blank == std::string_view::npos) return malformed("a signed note has a blank line before its signatures");
  HF_TRY(Note out, create(std::string(whole.substr(0, blank + 1))));
  std::string_view lines = whole.substr(blank + 2);
  if (lines.empty() || lines.back() != '\n') return malformed("a signed note ends in a signature line");
  if (!is_utf8(lines)) return malformed("a signature line is UTF-8");
  while (!lines.empty()) {
    if (out.signatures.size() == kNoteSignaturesMax) return malformed("a note has at most 64 signatures");
    const std::size_t end = lines.find('\n');
    HF_TRY(NoteSignature signature, parse_signature(lines.substr(0, end)));
    out.signatures.push_back(std::move(signature));
    lines.remove_prefix(end + 1);
  }
  return out;
}

void Note::sign(const SigningKey& key) {
  NoteSignature made{key.verifier().name(), key.verifier().id(), key.sign(text)};
  const auto same = std::find_if(signatures.begin(), signatures.end(), [&](const NoteSignature& s) {
    return s.key_id == made.key_id && s.name == made.name;
  });
  if (same != signatures.end()) {
    *same = std::move(made);
  } else {
    signatures.push_back(std::move(made));
  }
}

std::string Note::encode() const {
  std::string out = text + "\n";
  for (const NoteSignature& signature : signatures) {
    Bytes raw;
    put_u32(raw, signature.key_id);
    raw += signature.signature;
    out.append(kDash).append(signature.name).append(" ").append(to_base64(raw)).append("\n");
  }
  return out;
}

Result<std::vector<std::size_t>> Note::verify(std::span<const VerifierKey> keys) const {
  std::vector<std::size_t> out;
  for (const NoteSignature& signature : signatures) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (keys[i].id() != signature.key_id || keys[i].name() != signature.name) continue;
      if (!keys[i].verifies(text, signature.signature)) {
        return fail(Code::corrupt, "note.signature.wrong", signature.name,
                    "the signature does not belong to this text: one of the two was changed");
      }
      if (std::find(out.begin(), out.end(), i) == out.end()) out.push_back(i);
    }
  }
  return out;
}

}  // namespace holdfast
