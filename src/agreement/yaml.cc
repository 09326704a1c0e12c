#include "agreement/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <unordered_set>

#include "base/bytes.h"
#include "base/plain.h"

namespace holdfast::agreement {
namespace {

/// Ends the reading from inside a callback; the finding is already noted.
struct Stop {};

Position position(const YAML::Mark& mark) {
  return {static_cast<std::uint32_t>(std::max(mark.line, 0)) + 1,
          static_cast<std::uint32_t>(std::max(mark.column, 0)) + 1};
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(Node& root, Findings& findings) : root_(root), findings_(findings) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (at_key()) return add_key(position(mark), {}, false);
    add_value(position(mark), Node::Kind::null);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    findings_.add("agreement.yaml.anchor", position(mark), "aliases are not allowed; write the value out");
    throw Stop{};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (at_key()) return add_key(position(mark), value, true);
    Node& node = add_value(position(mark), Node::Kind::scalar);
    node.text = value;
    node.in_quotes = tag == "!";
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A mapping or list that is still open. The pointer is steady: a parent does not grow while its child is open.
  struct Open {
    Node* node;
    bool has_key = false;    // of a map: a key waits for its value
    bool drop_last = false;  // its key was none, or a repetition
    std::unordered_set<std::string> keys{};
  };

  bool at_key() const { return !open_.empty() && open_.back().node->kind == Node::Kind::map && !open_.back().has_key; }

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor) return;
    findings_.add("agreement.yaml.anchor", position(mark), "anchors (&name) are not allowed; write each value out");
    throw Stop{};
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;  // what yaml-cpp says of untagged and of quoted values
    findings_.add("agreement.yaml.tag", position(mark),
                  fmt::format("the tag {} is not allowed; leave it out", quoted(tag)));
    throw Stop{};
  }

  void count(Position at) {
    if (++nodes_ <= kNodesMax) return;
    findings_.add("agreement.yaml.large", at, fmt::format("more than {} values; shorten the document", kNodesMax));
    throw Stop{};
  }

  void add_key(Position at, const std::string& key, bool is_text) {
    count(at);
    Open& map = open_.back();
    drop_repetition(map);
    if (!is_text) findings_.add("agreement.yaml.key", at, "a key is empty; expected a name before the colon");
    const bool repeated = is_text && !map.keys.insert(key).second;
    if (repeated) {
      const auto first = map.node->find(key)->at.line;
      findings_.add("agreement.yaml.repeated", at,
                    fmt::format("{} is here twice, first on line {}; keep one", quoted(key), first));
    }
    map.node->members.push_back({key, at, {}});
    map.has_key = true;
    map.drop_last = repeated || !is_text;
  }

  /// The last member goes if its key was none or a repetition: its value was read only to get past it.
  static void drop_repetition(Open& map) {
    if (map.drop_last) map.node->members.pop_back();
    map.drop_last = false;
  }

  Node& add_value(Position at, Node::Kind kind) {
    count(at);
    Node* node = &root_;
    if (!open_.empty() && open_.back().node->kind == Node::Kind::map) {
      node = &open_.back().node->members.back().value;
      open_.back().has_key = false;
    } else if (!open_.empty()) {
      node = &open_.back().node->items.emplace_back();
    }
    node->kind = kind;
    node->at = at;
    return *node;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (at_key()) {
      findings_.add("agreement.yaml.key", position(mark), "a key must be a name, not a list or a mapping");
      throw Stop{};
    }
    if (open_.size() >= kDepthMax) {
      findings_.add("agreement.yaml.deep", position(mark), fmt::format("nested deeper than {} levels", kDepthMax));
      throw Stop{};
    }
    open_.push_back({&add_value(position(mark), kind)});
  }

  void close() {
    drop_repetition(open_.back());
    open_.pop_back();
  }

  Node& root_;
  Findings& findings_;
  std::vector<Open> open_;
  std::size_t nodes_ = 0;
};

/// The code point at `i` of well-formed UTF-8, and how many bytes it takes.
std::pair<char32_t, std::size_t> decode(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[i + k]); };
  const auto more = [&](std::size_t k) { return static_cast<char32_t>(byte(k) & 0x3F); };
  if (byte(0) < 0x80) return {byte(0), 1};
  if (byte(0) < 0xE0) return {static_cast<char32_t>(byte(0) & 0x1F) << 6 | more(1), 2};
  if (byte(0) < 0xF0) return {static_cast<char32_t>(byte(0) & 0x0F) << 12 | more(1) << 6 | more(2), 3};
  return {static_cast<char32_t>(byte(0) & 0x07) << 18 | more(1) << 12 | more(2) << 6 | more(3), 4};
}

/// Characters that cannot be signed (a signed note has none below space save LF), or that show a text in another
/// order or place than its bytes have.
const char* refused(char32_t c) {
  if (c == '\t') return "a tab; indent with spaces";
  if (c == '\r') return "a carriage return; save the file with plain line ends (LF)";
  if (c == 0xFEFF) return "a byte order mark; save the file as UTF-8 without one";
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return "a control character; remove it";
  if (c == 0x2028 || c == 0x2029) return "a Unicode line separator; break the line with a plain line end";
  if (turns_writing(c)) return "a character that changes the direction of writing; remove it";
  return nullptr;
}

/// The bytes themselves: what must hold before they mean anything.
bool check_text(std::string_view document, Findings& findings) {
  if (document.size() > kDocumentBytesMax) {
    findings.add("agreement.text.large", {},
                 fmt::format("the document has {} bytes; at most {} are read", document.size(), kDocumentBytesMax));
    return false;
  }
  if (!is_utf8(document)) {
    findings.add("agreement.text.encoding", {}, "the document is not UTF-8; save it as UTF-8");
    return false;
  }
  bool good = true;
  Position at;
  for (std::size_t i = 0; i < document.size();) {
    const auto [c, size] = decode(document, i);
    if (c == '\n') {
      at = {at.line + 1, 0};
    } else if (const char* why = refused(c)) {
      findings.add("agreement.text.control", at, why);
      good = false;
    } else if (c == '%' && at.column == 1) {
      findings.add("agreement.yaml.tag", at, "YAML directives (%) are not allowed; leave the line out");
      good = false;
    }
    at.column += static_cast<std::uint32_t>(size);
    i += size;
  }
  if (document.empty() || document.back() != '\n') {
    findings.add("agreement.text.unended", at,
                 "the last line has no end: end it with a line feed (LF), as every line");
  }
  return good;
}

}  // namespace

const Node::Member* Node::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.key == key; });
  return found == members.end() ? nullptr : &*found;
}

std::optional<Node> read_yaml(std::string_view document, Findings& findings) {
  if (!check_text(document, findings)) return std::nullopt;
  Node root;
  try {
    std::istringstream in{std::string(document)};
    YAML::Parser parser(in);
    TreeBuilder builder(root, findings);
    parser.HandleNextDocument(builder);
    Node second;
    Findings of_second;
    TreeBuilder other(second, of_second);
    if (parser && parser.HandleNextDocument(other)) {
      findings.add("agreement.yaml.documents", second.at, "a second document begins; a file holds one only");
      return std::nullopt;
    }
  } catch (const Stop&) {
    if (findings.empty()) {  // what stopped the reading was noted for the second document
      findings.add("agreement.yaml.documents", {}, "a second document begins; a file holds one only");
    }
    return std::nullopt;
  } catch (const YAML::Exception& e) {
    findings.add("agreement.yaml.syntax", position(e.mark), fmt::format("this is not YAML: {}", e.msg));
    return std::nullopt;
  } catch (const std::exception&) {
    findings.add("agreement.yaml.syntax", {}, "the document cannot be read as YAML");
    return std::nullopt;
  }
  return root;
}

}  // namespace holdfast::agreement
