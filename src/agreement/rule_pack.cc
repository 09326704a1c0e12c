#include "agreement/rule_pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agreement/spelling.h"
#include "agreement/taxonomy.h"
#include "agreement/terms.h"

namespace holdfast::agreement {
namespace {

constexpr std::size_t kRulesMax = 64;
constexpr std::size_t kCountriesMax = 100;
constexpr std::size_t kSayingBytesMax = 1000;
constexpr std::uint64_t kVersionMax = 1'000'000'000;

class Reader {
 public:
  Reader(RulePack& pack, Findings& findings) : pack_(pack), findings_(findings), taxonomy_(fideslang_categories()) {}

  void read(const Node& root) {
    const Terms terms(root, "a rule pack",
                      {"holdfast-rules", "rules-of", "version", "title", "subjects", "covered", "rules"}, findings_);
    if (!terms.is_map()) return;
    read_head(terms);
    if (const Node* node = terms.required("covered", "whom the rules protect the data from")) read_covered(*node);
    if (const Node* node = terms.required("rules", "the rules, each under its name")) {
      each_named(*node, "rule", kRulesMax, findings_, [&](const Node::Member& member) { read_rule(member); });
    }
    find_contradictions();
  }

 private:
  void read_head(const Terms& terms) {
    if (const Node* language = terms.required("holdfast-rules", "1, the version of this language")) {
      const std::string* text = text_of(*language, "1", findings_);
      if (text && (*text != "1" || language->in_quotes)) {
        add_expected("rules.language.unknown", *language, "1, the one version of this language", findings_);
      }
    }
    if (const Node* name = terms.required("rules-of", "the pack's name")) {
      const std::string* text = text_of(*name, "a name", findings_);
      if (text && !is_name(*text)) {
        add_expected("rules.name.malformed", *name, "a name: a letter, then letters, digits, '-' or '_'", findings_);
      }
      if (text) pack_.name = *text;
    }
    if (const Node* version = terms.required("version", "a whole number, one more with each change")) {
      const auto number = number_of(*version, "a whole number above 0", kVersionMax, findings_);
      if (number) pack_.version = static_cast<std::uint32_t>(*number);
    }
    if (const Node* title = terms.required("title", "the law's name")) pack_.title = saying_of(*title);
    if (const Node* subjects = terms.optional("subjects")) {
      if (const auto code = code_of(*subjects)) pack_.subjects_country = *code;
    }
  }

  void read_covered(const Node& node) {
    const Terms terms(node, "who is covered", {"countries", "outside", "named", "owned-from", "cite"}, findings_);
    if (!terms.is_map()) return;
    const Node* countries = terms.optional("countries");
    const Node* outside = terms.optional("outside");
    const Node* named = terms.optional("named");
    if ((countries != nullptr) + (outside != nullptr) + (named != nullptr) != 1) {
      findings_.add("rules.covered", node.at,
                    "who is covered is one of: 'countries', those of these; 'outside', those of any other; "
                    "'named: by the agreement', the parties that an agreement names as it adopts the pack");
      return;
    }
    if (const Node* cite = terms.required("cite", "the paragraph")) pack_.covered_cite = saying_of(*cite);
    if (const Node* share = terms.optional("owned-from")) {
      if (const auto parsed = share_of(*share, findings_)) pack_.control_at = *parsed;
    }
    if (named) {
      const std::string* text = text_of(*named, "'by the agreement'", findings_);
      if (text && *text != "by the agreement") {
        add_expected("rules.covered", *named, "'by the agreement'", findings_);
      }
      return;
    }
    pack_.outside = outside != nullptr;
    read_countries(countries ? *countries : *outside);
  }

  void read_countries(const Node& node) {
    each_named(node, "country", kCountriesMax, findings_, [&](const Node::Member& member) {
      RulePack::Country country{member.key, {}};
      each_text(member.value, "country codes", true, findings_, [&](const Node& item) {
        const auto code = code_of(item);
        if (!code) return;
        for (const RulePack::Country& other : pack_.countries) {
          if (!std::ranges::binary_search(other.codes, *code)) continue;
          findings_.add("rules.contradiction", item.at, fmt::format("{} stands under '{}' already", *code, other.name));
        }
        country.codes.push_back(*code);
      });
      std::ranges::sort(country.codes);
      pack_.countries.push_back(std::move(country));
    });
  }

  void read_rule(const Node::Member& member) {
    RulePack::Rule rule;
    rule.id = member.key;
    rule.at = member.at;
    const Terms terms(member.value, "a rule",
                      {"cite", "says", "basis", "never", "unless", "only", "as", "bulk", "not-as", "identifiers",
                       "not-alone", "at-most", "told-apart-by"},
                      findings_);
    if (!terms.is_map()) return;
    if (const Node* cite = terms.required("cite", "the paragraph, so that a lawyer can check")) {
      rule.cite = saying_of(*cite);
    }
    if (const Node* says = terms.required("says", "the rule in a sentence")) rule.says = saying_of(*says);
    if (const Node* basis = terms.optional("basis")) {
      const std::string* text = text_of(*basis, "memory", findings_);
      rule.from_memory = text && *text == "memory";
      if (text && !rule.from_memory) {
        add_expected("rules.basis", *basis, "memory, for what was not held against the law's text", findings_);
      }
    }
    if (read_kind(member, terms, rule)) pack_.rules.push_back(std::move(rule));
  }

  /// Which terms go with which kind of rule.
  struct Shape {
    std::string_view kind;
    RulePack::Rule::Kind means;
    std::string_view may, must;  ///< beside it: what else may stand there, and what has to
    bool threshold;
  };
  static constexpr std::array<Shape, 4> kShapes{{
      {"never", RulePack::Rule::Kind::never, "unless", "", false},
      {"only", RulePack::Rule::Kind::only, "", "as", false},
      {"bulk", RulePack::Rule::Kind::bulk, "not-as", "at-most", true},
      {"identifiers", RulePack::Rule::Kind::identifiers, "not-alone", "at-most", true},
  }};

  bool read_kind(const Node::Member& member, const Terms& terms, RulePack::Rule& rule) {
    const Shape* shape = nullptr;
    for (const Shape& each : kShapes) {
      if (!terms.optional(each.kind)) continue;
      if (shape) return wrong_kind(member.at);
      shape = &each;
    }
    if (!shape) return wrong_kind(member.at);
    rule.kind = shape->means;
    const std::size_t before = wrong_;
    rule.categories = categories_of(*terms.optional(shape->kind));
    for (const std::string_view term : {"unless", "as", "not-as", "not-alone", "at-most", "told-apart-by"}) {
      const Node* node = terms.optional(term);
      const bool fits = term == shape->may || term == shape->must || (term == "told-apart-by" && shape->threshold);
      if (node && !fits) {
        findings_.add("rules.kind", node->at, fmt::format("'{}' does not go with '{}'", term, shape->kind));
        ++wrong_;
      } else if (node) {
        read_detail(term, *node, rule);
      } else if (term == shape->must) {
        terms.required(term, term == "as" ? "the forms in which it may leave" : "how many");
        ++wrong_;
      }
    }
    find_what_tells_apart(terms, rule);
    return wrong_ == before && !rule.categories.empty();
  }

  /// Devices, and nothing else, are told apart by something.
  void find_what_tells_apart(const Terms& terms, const RulePack::Rule& rule) {
    if (!rule.limit) return;
    const bool devices = rule.limit->counts == Limit::Counts::devices;
    const Node* node = terms.optional("told-apart-by");
    if (devices && !node) {
      terms.required("told-apart-by", "the categories of what tells devices apart, such as user.device.device_id");
      ++wrong_;
    } else if (!devices && node) {
      findings_.add("rules.kind", node->at, "'told-apart-by' goes with 'at-most: N devices per …' only");
      ++wrong_;
    }
  }

  bool wrong_kind(Position at) {
    findings_.add("rules.kind", at,
                  "a rule is of one kind: never (and unless), only (and as), bulk (and at-most) or identifiers (and "
                  "at-most)");
    return false;
  }

  void read_detail(std::string_view term, const Node& node, RulePack::Rule& rule) {
    if (term == "not-alone" || term == "told-apart-by") {
      (term == "not-alone" ? rule.alone : rule.told_apart_by) = categories_of(node);
      return;
    }
    if (term == "as" || term == "not-as") {
      each_text(node, "forms", true, findings_, [&](const Node& item) {
        const auto form = parse_form(item.text);
        if (form) rule.forms.push_back(*form);
        if (!form) wrong("agreement.form.unknown", item, "a form such as token, year, first 3");
      });
      return;
    }
    if (term == "unless") {
      const std::string* text = text_of(node, "generalised, token or aggregate", findings_);
      const auto level = text ? parse_level(*text) : std::nullopt;
      if (level) rule.allowed = *level;
      if (!level) wrong("agreement.prohibition.unless", node, "generalised, token or aggregate");
      return;
    }
    read_threshold(node, rule);
  }

  void read_threshold(const Node& node, RulePack::Rule& rule) {
    constexpr std::string_view expected = "a number such as '1000 subjects per 12 months', or devices";
    const std::string* text = text_of(node, expected, findings_);
    if (!text) {
      ++wrong_;
      return;
    }
    rule.limit = parse_rolling_limit(*text);
    if (!rule.limit) wrong("agreement.limit.malformed", node, expected);
  }

  /// Within one pack nothing may say otherwise than something else.
  void find_contradictions() {
    for (const RulePack::Rule& rule : pack_.rules) {
      for (const RulePack::Rule& never : pack_.rules) {
        if (never.kind != RulePack::Rule::Kind::never || never.allowed != Level::nothing || &never == &rule) continue;
        if (rule.kind == RulePack::Rule::Kind::identifiers) continue;
        for (const std::string& category : rule.categories) {
          if (std::ranges::none_of(never.categories, [&](const auto& c) { return covers(c, category); })) continue;
          findings_.add("rules.contradiction", rule.at,
                        fmt::format("rule '{}' says in what way {} may reach those whom rule '{}' lets have none of it",
                                    rule.id, category, never.id));
        }
      }
    }
  }

  std::vector<std::string> categories_of(const Node& node) {
    std::vector<std::string> out;
    each_text(node, "categories", true, findings_, [&](const Node& item) {
      if (taxonomy_.has(item.text)) {
        out.push_back(item.text);
        return;
      }
      const auto known = taxonomy_.keys();
      findings_.add_unknown("agreement.category.unknown", item.at, item.text,
                            "is not a category of Fideslang; a pack knows no others", known);
      ++wrong_;
    });
    return out;
  }

  std::optional<std::string> code_of(const Node& node) {
    const std::string* text = text_of(node, "a country code such as US", findings_);
    if (!text) return std::nullopt;
    if (is_country(*text)) return *text;
    add_expected("agreement.country.unknown", node, "an ISO 3166-1 code such as US", findings_);
    return std::nullopt;
  }

  std::string saying_of(const Node& node) {
    const std::string* text = text_of(node, "a sentence", findings_);
    if (!text) return "";
    if (text->empty() || text->size() > kSayingBytesMax) {
      findings_.add("rules.text.size", node.at, fmt::format("a text of 1 to {} bytes was expected", kSayingBytesMax));
    }
    return *text;
  }

  void wrong(std::string_view slug, const Node& node, std::string_view expected) {
    add_expected(slug, node, expected, findings_);
    ++wrong_;
  }

  RulePack& pack_;
  Findings& findings_;
  Taxonomy taxonomy_;
  std::size_t wrong_ = 0;
};

}  // namespace

std::optional<RulePack> read_rule_pack(std::string_view document, Findings& findings) {
  RulePack pack;
  const auto root = read_yaml(document, findings);
  if (root) Reader(pack, findings).read(*root);
  if (!root || !findings.empty()) return std::nullopt;
  return pack;
}

CheckedPack check_rule_pack(std::string_view document) {
  Findings findings;
  auto pack = read_rule_pack(document, findings);
  return {std::move(pack), findings.take(document)};
}

std::optional<std::pair<std::string, std::uint32_t>> parse_pack_reference(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos || !is_name(text.substr(0, at))) return std::nullopt;
  const auto version = parse_count(text.substr(at + 1));
  if (!version || *version > kVersionMax) return std::nullopt;
  return std::pair(std::string(text.substr(0, at)), static_cast<std::uint32_t>(*version));
}

}  // namespace holdfast::agreement
