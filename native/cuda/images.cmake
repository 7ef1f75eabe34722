# The kernels as nvcc makes them, embedded in the addon; image.cpp chooses by GPU and driver. Included by the package's
# CMakeLists.txt. CUDA 13 builds for every GPU, but its binaries need driver 580. Those of CUDA 11.8 run from driver 450
# on, those of CUDA 12 from 525 on: an nvcc of theirs, where one is found, builds for the GPUs below compute capability
# 10.0, and CUDA 13 for the others. Without any nvcc the backend reports that it has no kernels.

set(ROI_LOSS_IMAGES "" CACHE PATH "Images of the same sources, from an earlier build for any host")
set(ROI_LOSS_OLD_NVCC "" CACHE FILEPATH "nvcc of CUDA 11.8 or 12; else the environment's, or one that is found")

# Sets `result` to the version of CUDA that `nvcc` belongs to, as 11.8, or to nothing.
function(get_cuda_version nvcc result)
  execute_process(COMMAND ${nvcc} --version OUTPUT_VARIABLE output ERROR_QUIET)
  string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" found "${output}")
  set(${result} "${CMAKE_MATCH_1}" PARENT_SCOPE)
endfunction()

# Sets new_nvcc and old_nvcc, and their versions, as far as they are found.
macro(find_nvccs)
  find_program(NVCC nvcc HINTS $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
  # cross/old-nvcc.mjs puts one into build/, perhaps after the first build.
  file(GLOB fetched CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/build/old-cuda/usr/bin/nvcc)
  file(GLOB others /usr/local/cuda-1[12]*/bin/nvcc /usr/bin/nvcc)
  set(named ${ROI_LOSS_OLD_NVCC})
  if(NOT named)
    set(named $ENV{ROI_LOSS_OLD_NVCC})
  endif()
  foreach(nvcc ${named} ${fetched} ${NVCC} ${others})
    get_cuda_version(${nvcc} version)
    if(version VERSION_GREATER_EQUAL 13 AND NOT new_nvcc)
      set(new_nvcc ${nvcc})
      set(new_version ${version})
    elseif(version VERSION_GREATER_EQUAL 11.8 AND version VERSION_LESS 13 AND NOT old_nvcc)
      set(old_nvcc ${nvcc})
      set(old_version ${version})
    endif()
  endforeach()
  if(named AND NOT old_nvcc STREQUAL named)
    message(FATAL_ERROR "ROI_LOSS_OLD_NVCC is '${named}'; expected the nvcc of CUDA 11.8 or 12")
  endif()
endmacro()

# Adds the image that `nvcc` makes: machine code for `architectures`, and for `ptx` code that the driver compiles.
function(add_image nvcc version architectures ptx)
  string(REPLACE "." ";" parts ${version})
  list(GET parts 0 major)
  list(GET parts 1 minor)
  math(EXPR number "${major} * 1000 + ${minor} * 10")
  set(name cuda${major})
  foreach(architecture ${architectures})
    list(APPEND targets -gencode arch=compute_${architecture},code=sm_${architecture})
    string(APPEND image_code " X(${name}, ${number}, ${architecture}, false)")
  endforeach()
  foreach(architecture ${ptx})
    list(APPEND targets -gencode arch=compute_${architecture},code=compute_${architecture})
    string(APPEND image_code " X(${name}, ${number}, ${architecture}, true)")
  endforeach()
  # nvcc would compress each part by itself, and weakly where old drivers are to unpack it.
  set(image ${images}/${name}.fatbin)
  set(pack ${CMAKE_SOURCE_DIR}/native/cuda/pack.mjs)
  add_custom_command(OUTPUT ${image}.br
    COMMAND ${nvcc} ${nvcc_options} ${targets} --threads 2 -fatbin -Xfatbin=-compress=false ${kernels} -o ${image}
    COMMAND node ${pack} ${image} ${image}.br
    DEPENDS ${kernels} ${kernel_headers} ${pack} VERBATIM
    COMMENT "Compiling the kernels with CUDA ${version}")
  set(image_files ${image_files} ${image}.br PARENT_SCOPE)
  set(image_names "${image_names} X(${name})" PARENT_SCOPE)
  set(image_code "${image_code}" PARENT_SCOPE)
  string(JOIN "\", \"" options ${nvcc_options})
  string(JOIN ", " architectures ${architectures})
  string(JOIN ", " ptx ${ptx})
  list(APPEND image_reports "{\"cuda\": \"${version}\", \"nvcc\": \"${nvcc}\", \"options\": [\"${options}\"],\
 \"architectures\": [${architectures}], \"ptx\": [${ptx}]}")
  set(image_reports ${image_reports} PARENT_SCOPE)
endfunction()

# Adds the images that can be made. Sets has_images, image_files, and the state that the build reports.
function(add_images)
  find_nvccs()
  if(NOT new_nvcc AND NOT old_nvcc)
    set(state "without CUDA kernels (nvcc was not found)" PARENT_SCOPE)
    return()
  endif()
  set(kernels ${CMAKE_SOURCE_DIR}/native/cuda/kernels/step.cu)
  file(GLOB kernel_headers CONFIGURE_DEPENDS native/cuda/kernels/*.cuh native/cuda/gpu/*.cuh native/formulas/*.h)
  list(APPEND kernel_headers native/cuda/step_params.h native/problem.h)
  # CUDA 11 knows no C++20.
  set(nvcc_options -std=c++17 -O3 --prec-div=false --expt-relaxed-constexpr -Werror all-warnings
    -I${CMAKE_SOURCE_DIR}/native/cuda/gpu)
  # PTX is for GPUs to come, for those that are new to the driver at hand, and for `npm run test:ptx`.
  if(old_nvcc AND new_nvcc)
    add_image(${new_nvcc} ${new_version} "100;120" "100")
  elseif(new_nvcc)
    add_image(${new_nvcc} ${new_version} "75;80;86;89;90;100;120" "75;90;100")
  endif()
  if(old_nvcc)
    add_image(${old_nvcc} ${old_version} "75;80;90" "75;90") # what runs on 8.0 runs on 8.6 and 8.9
  endif()
  # The list for image.cpp, first choices first; and for `npm run kernels:report` and the tests.
  file(CONFIGURE OUTPUT ${images}/images.h @ONLY
    CONTENT "#define ROI_IMAGES(X)${image_names}\n#define ROI_CODE(X)${image_code}\n")
  string(JOIN ",\n " image_reports ${image_reports})
  file(CONFIGURE OUTPUT ${images}/images.json @ONLY CONTENT "[${image_reports}]\n")
  set(image_files ${image_files} PARENT_SCOPE)
  set(has_images ON PARENT_SCOPE)
  string(REGEX MATCHALL "false" machine_code "${image_code}")
  list(LENGTH machine_code count)
  set(state "with CUDA kernels for ${count} architectures" PARENT_SCOPE)
endfunction()

set(images ${CMAKE_BINARY_DIR}/images)
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  # Nothing loads the driver there yet.
  set(state "without CUDA kernels (not on Linux)")
elseif(NOT ROI_LOSS_CUDA)
  set(state "without CUDA kernels (ROI_LOSS_CUDA=off)")
  set_source_files_properties(native/cuda/gpu.cpp PROPERTIES COMPILE_DEFINITIONS ROI_CUDA_OFF)
elseif(ROI_LOSS_IMAGES)
  set(state "with CUDA kernels of an earlier build")
  set(images ${ROI_LOSS_IMAGES})
  set(has_images ON)
else()
  add_images()
endif()
message(STATUS "roi-loss: ${state}")
if(has_images)
  set_source_files_properties(native/cuda/image.cpp PROPERTIES
    INCLUDE_DIRECTORIES "${images}" COMPILE_DEFINITIONS ROI_CUDA_IMAGES="${images}" OBJECT_DEPENDS "${image_files}")
endif()
