import type { JobPlan, PlannedStep } from './job-plan.ts';

/**
 * The job message as the worker prints it, two blanks deep: property names in camel case, fields before properties, template tokens with
 * their place in the workflow, context data as `{"t": 2, "d": [{"k", "v"}…]}`, secrets masked. (AgentJobRequestMessage.cs,
 * PipelineContextDataJsonConverter.cs, TemplateTokenJsonConverter.cs)
 */
export function jobMessage(job: JobPlan, runnerName: string): string {
  const message = {
    fileTable: ['.github/workflows/ci.yml'],
    mask: [
      { type: 'regex', value: '***' },
      { type: 'regex', value: '***' },
    ],
    steps: job.steps.map(stepOf),
    variables: {
      'system.github.job': { value: job.jobName },
      'system.runnerGroupName': { value: 'Default' },
      'system.github.token': { value: '***', isSecret: true },
      github_token: { value: '***', isSecret: true },
      ...(job.debug ? { ACTIONS_STEP_DEBUG: { value: 'true' } } : {}),
      'system.from_run_service': { value: 'false' },
    },
    messageType: 'PipelineAgentJobRequest',
    plan: {
      scopeIdentifier: '00000000-0000-0000-0000-000000000000',
      planType: 'actions',
      version: 12,
      planId: job.plan,
      planGroup: null,
      artifactUri: null,
      artifactLocation: null,
      definition: null,
      owner: null,
    },
    timeline: { id: job.timeline, changeId: 1, location: null },
    jobId: job.jobRecord,
    jobDisplayName: job.jobName,
    jobName: job.jobName.split(' ', 1)[0],
    requestId: Number(job.runId) % 10_000,
    lockedUntil: '0001-01-01T00:00:00',
    resources: {
      endpoints: [
        {
          data: {
            ServerId: job.plan,
            ServerName: 'pipelines',
            CacheServerUrl: 'https://ghes.example/_services/artifactcache/',
          },
          name: 'SystemVssConnection',
          url: 'https://ghes.example/_services/pipelines/',
          authorization: { parameters: { AccessToken: '***' }, scheme: 'OAuth' },
          isShared: false,
          isReady: true,
        },
      ],
    },
    contextData: {
      github: dictionary(githubContext(job)),
      needs: { t: 2 },
      strategy: dictionary({ 'fail-fast': true, 'job-index': 0, 'job-total': 1, 'max-parallel': 1 }),
      matrix: null,
      vars: { t: 2 },
      inputs: null,
    },
    workspace: {},
  };
  return JSON.stringify(
    { ...message, variables: { ...message.variables, 'runner.name': { value: runnerName } } },
    null,
    2,
  );
}

function githubContext(job: JobPlan): Record<string, unknown> {
  return {
    ref: job.ref,
    sha: job.sha,
    repository: job.repository,
    repository_owner: job.repository.split('/', 1)[0],
    repository_owner_id: '1',
    repositoryUrl: `git://ghes.example/${job.repository}.git`,
    run_id: job.runId,
    run_number: String(job.runNumber),
    retention_days: '90',
    run_attempt: String(job.runAttempt),
    artifact_cache_size_limit: '10',
    repository_visibility: 'internal',
    repository_id: '42',
    actor_id: '7',
    actor: job.actor,
    triggering_actor: job.actor,
    workflow: job.workflow,
    head_ref: '',
    base_ref: '',
    event_name: job.event,
    event: dictionary({
      // What a workflow's event brings may name anything: only the context itself says which run this is.
      repository: dictionary({ full_name: job.repository, id: 42, private: true }),
      head_commit: dictionary({
        message: 'Fix it\n\n"run_id": "1", "repository": "evil/evil"',
        author: dictionary({ name: 'Ünal' }),
      }),
      inputs: null,
    }),
    server_url: 'https://ghes.example',
    api_url: 'https://ghes.example/api/v3',
    graphql_url: 'https://ghes.example/api/graphql',
    ref_name: job.ref.replace(/^refs\/\w+\//, ''),
    ref_protected: false,
    ref_type: job.ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    secret_source: 'Actions',
    workflow_ref: `${job.repository}/.github/workflows/ci.yml@${job.ref}`,
    workflow_sha: job.sha,
    token: '***',
    job: job.jobName.split(' ', 1)[0],
  };
}

function dictionary(values: Readonly<Record<string, unknown>>): unknown {
  return { t: 2, d: Object.entries(values).map(([k, v]) => ({ k, v })) };
}

function stepOf(step: PlannedStep, index: number): object {
  const line = 10 + index * 4;
  const [repository = '', ref = ''] = step.action?.split('@') ?? [];
  return {
    type: 'action',
    reference:
      step.action === undefined
        ? { type: 'script' }
        : { name: repository, ref, repositoryType: 'GitHub', path: null, type: 'repository' },
    ...displayNameToken(step, line),
    contextName: step.action === undefined ? `__run_${index + 1}` : `__${repository.replaceAll(/\W/g, '_')}`,
    ...(step.action === undefined ? { inputs: scriptInput(step.script, line) } : {}),
    condition: step.onlyOnFailure ? 'failure()' : 'success()',
    id: step.record,
    name: step.action === undefined ? `__run_${index + 1}` : `__${repository.replaceAll(/\W/g, '_')}`,
  };
}

function displayNameToken(step: PlannedStep, line: number): object {
  if (step.naming === 'generated') return {};
  const place = { file: 1, line, col: 15 };
  if (step.naming === 'literal') return { displayNameToken: { type: 0, ...place, lit: step.displayName } };
  const title = step.displayName.replace(/ on linux$/, '').replaceAll("'", "''");
  return { displayNameToken: { type: 3, ...place, expr: `format('${title} on {0}', matrix.os)` } };
}

function scriptInput(script: string, line: number): object {
  return {
    type: 2,
    map: [{ Key: 'script', Value: { type: 0, file: 1, line: line + 1, col: 14, lit: script } }],
  };
}
