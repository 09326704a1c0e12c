#include "analysis/fixture_test.h"

#include <fstream>
#include <sstream>

namespace holdfast::analysis {

std::string base_document(std::initializer_list<std::pair<std::string_view, std::string_view>> replacements) {
  std::ifstream in(std::string(HOLDFAST_SOURCE_DIR) + "/tests/cases/agreement/base.yaml");
  std::ostringstream text;
  text << in.rdbuf();
  std::string out = text.str();
  for (const auto& [from, to] : replacements) {
    const auto at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos) out.replace(at, from.size(), to);
  }
  return out;
}

std::string product_document() {
  return base_document(
      {{"  report:\n",
        "  train:\n    use: personalize.content\n    run: trainer\n    reads: {profile: [birthdate, member]}\n"
        "    makes: model\n    output: 1MiB\n  report:\n"},
       {"    reads: {visits: [page]}\n", "    reads: {visits: [page]}\n    with: model\n"},
       {"to: subject via desk", "to: subject via maker"}});
}

Reach reach_of(const std::string& document, const agreement::PackReader& packs) {
  const auto checked = agreement::check(document, packs);
  for (const auto& finding : checked.findings) ADD_FAILURE() << finding.text();
  return analyse(checked.plan ? checked.plan : checked.broken);
}

}  // namespace holdfast::analysis
