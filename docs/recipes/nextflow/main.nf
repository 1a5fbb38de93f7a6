/*
 * Plates, a process a well: list the wells, compress each, finish the plate, verify it.
 *
 * What Nextflow knows of are reports only. The plates are written to their place, not to a work folder that Nextflow
 * may copy or clean.
 */

def target(plate) {
    return "${file(params.out).toAbsolutePath()}/${plate}${params.ending}"
}

process WELLS {
    tag "${plate}"
    executor 'local'

    input:
    tuple val(plate), val(raw)

    output:
    tuple val(plate), val(raw), path('wells.json')

    script:
    """
    flowroi inspect '${raw}' --plate ${params.reading} --json > wells.json
    """
}

process WELL {
    tag "${plate} ${well}"
    publishDir "${params.out}/reports/${plate}", mode: 'copy'

    input:
    tuple val(plate), val(raw), val(well)

    output:
    tuple val(plate), val(raw), path("${well}.json")

    script:
    // A well that fails: of itself (1), or some of its fields (3). Whether the plate is finished without is told later.
    def tolerate = params.skip_failed ? '|| [[ $? == [13] ]]' : ''
    """
    mkdir -p '${file(target(plate)).parent}'
    flowroi compress '${raw}' -o '${target(plate)}' --plate --well ${well} ${params.reading} ${params.settings} \\
        --workers ${task.cpus} --json > ${well}.json ${tolerate}
    """
}

process PLATE {
    tag "${plate}"
    publishDir "${params.out}/reports/${plate}", mode: 'copy'

    input:
    tuple val(plate), val(raw), path(wells)

    output:
    tuple val(plate), path('compressed.json')

    script:
    def skip = params.skip_failed ? '--skip-failed' : ''
    """
    flowroi compress '${raw}' -o '${target(plate)}' --plate ${skip} ${params.reading} ${params.settings} \\
        --workers ${task.cpus} --json > compressed.json
    """
}

process VERIFY {
    tag "${plate}"
    publishDir "${params.out}/reports/${plate}", mode: 'copy'

    input:
    tuple val(plate), path(compressed)

    output:
    path('verified.json')

    script:
    """
    flowroi verify '${target(plate)}' --workers ${task.cpus} --json > verified.json
    """
}

workflow {
    def plates = channel.fromPath(params.plates, type: 'dir', checkIfExists: true)
        .map { raw -> tuple(raw.name.replaceFirst('(\\.ome)?\\.zarr$', ''), raw.toString()) }
    def wells = WELLS(plates).flatMap { plate, raw, listed ->
        def found = new groovy.json.JsonSlurper().parseText(listed.readLines().first()).wells
        found.collect { well -> tuple(plate, raw, well) }
    }
    VERIFY(PLATE(WELL(wells).groupTuple(by: [0, 1])))
}
