#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/plan.h"
#include "analysis/reach.h"

namespace holdfast::page {

/// How much of a value arrives, as a shape and a letter that are told apart without colour.
/// `asked`: in the clear, at a subject's own request only. Ordered: the last reveals most.
enum class Mark : std::uint8_t { aggregate, token, generalised, sealed, asked, clear };
std::string_view letter(Mark);  ///< "C"
std::string_view word(Mark);    ///< "in the clear"
/// The mark as an SVG element, 16 by 16, its corner at (x, y).
std::string mark_svg(Mark mark, double x, double y);

struct Cell {
  Mark mark = Mark::clear;
  std::string form;                          ///< as written: "first 3"
  std::optional<agreement::FlowIndex> flow;  ///< not of `asked`
  std::uint32_t line = 0;                    ///< in the document
  std::string passed_on;                     ///< by whom, when it does not leave to the column's party itself
  std::string path;                          ///< the whole way, for people
};

struct Column {
  agreement::PartyIndex party = 0;
  std::string name, place;  ///< place: "CN", "US, CN"
  bool abroad = false;      ///< not only in the subjects' country
};

struct Row {
  std::string category;
  std::vector<std::optional<Cell>> cells;  ///< one for each column
};

/// What the pages about an agreement show: which category can reach whom in which form, by the analysis. The most
/// revealing form stands for all. The trustee has no column: it holds everything.
struct Sheet {
  agreement::PlanPtr plan;
  analysis::Reach reach;
  std::vector<Column> columns;                   ///< abroad first
  std::vector<Row> rows;                         ///< by category
  std::vector<agreement::PartyIndex> signing;    ///< who has a say in changes
  std::vector<agreement::PartyIndex> signed_by;  ///< whose signatures stand under the document

  bool abroad(agreement::PartyIndex party) const;
  std::string place(agreement::PartyIndex party) const;
  /// "bytedance", or "each subject, via app-us".
  std::string recipient(const agreement::Flow& flow) const;
  /// Of everything that a flow gives, each once, the most revealing first.
  std::vector<Mark> marks(agreement::FlowIndex flow) const;
};

Sheet make_sheet(agreement::PlanPtr plan, std::vector<agreement::PartyIndex> signed_by);

/// What bounds a flow, in words: its limits, the size of a release, an aggregate's privacy budget; or "no limit".
/// `brief`: without what counts together with what, for the map.
std::string limits_text(const agreement::Plan& plan, const agreement::Flow& flow, bool brief = false);

/// The parties on a schematic map, as an SVG document: the subjects' country, the border, the other countries, and an
/// arrow for each flow. `links`: arrows lead to "#flow-N" of the page around it.
std::string agreement_map(const Sheet& sheet, bool links);

/// The agreement as one page to read, print and sign. `document`: its exact text, shown with line numbers.
std::string agreement_page(const Sheet& sheet, std::string_view document);
/// The same, shorter, as Markdown with tables.
std::string agreement_markdown(const Sheet& sheet);

}  // namespace holdfast::page
