# cmake -DOUT=FILE.cc -DFOLDER=dashboard -P dashboard_files.cmake: its files as one C++ source.
set(rows "")
set(arrays "")
set(number 0)
file(GLOB files "${FOLDER}/*")
list(SORT files)
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  get_filename_component(extension "${file}" LAST_EXT)
  if(extension STREQUAL ".html")
    set(type "text/html; charset=utf-8")
  elseif(extension STREQUAL ".css")
    set(type "text/css; charset=utf-8")
  elseif(extension STREQUAL ".js")
    set(type "text/javascript; charset=utf-8")
  elseif(extension STREQUAL ".svg")
    set(type "image/svg+xml")
  else()
    message(FATAL_ERROR "${name}: of what type is it?")
  endif()
  if(name STREQUAL "index.html")
    set(name "")
  endif()
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND arrays "constexpr char kFile${number}[] = {${bytes}'\\0'};\n")
  string(APPEND rows
         "    {\"/${name}\", \"${type}\", {kFile${number}, sizeof kFile${number} - 1}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUT}" "#include \"examples/lambda/serve/dashboard_files.h\"

namespace lambda_app {

namespace {

${arrays}
constexpr DashboardFile kFiles[] = {
${rows}};

}  // namespace

const DashboardFile* find_dashboard_file(std::string_view path) {
  for (const DashboardFile& file : kFiles) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

}  // namespace lambda_app
")
