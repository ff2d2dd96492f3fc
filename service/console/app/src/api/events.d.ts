/** Made of the AsyncAPI document by `make console`: the payload of each event by its name. */
import type { components } from './schema';

type Schemas = components['schemas'];

export interface Commands {
  'execution:subscribe': Schemas['Subscribe'];
  'execution:unsubscribe': Schemas['OfExecution'];
  'execution:start': Schemas['Start'];
  'execution:pause': Schemas['OfExecution'];
  'execution:resume': Schemas['OfExecution'];
  'execution:complete': Schemas['OfExecution'];
  'execution:record': Schemas['Record'];
  'execution:stop': Schemas['Stop'];
  'execution:inject': Schemas['Inject'];
  'execution:bottleneck': Schemas['OfExecution'];
  'edge:pause': Schemas['OfEdges'];
  'edge:resume': Schemas['OfEdges'];
  'edge:step': Schemas['StepEdges'];
  'edge:drop': Schemas['DropMessages'];
  'edge:edit': Schemas['EditMessage'];
  'edge:move': Schemas['MoveMessage'];
  'edge:insert': Schemas['InsertMessage'];
  'edge:redirect': Schemas['RedirectMessages'];
  'breakpoint:add': Schemas['SetBreakpoint'];
  'breakpoint:list': Schemas['OfExecution'];
  'breakpoint:release': Schemas['Release'];
  'breakpoint:remove': Schemas['OfBreakpoint'];
  'execution:reload': Schemas['Reload'];
  'execution:rollback': Schemas['OfExecution'];
}

export interface LiveEvents {
  'execution:state': Schemas['ExecutionSeen'];
  'execution:started': Schemas['ExecutionStarted'];
  'execution:paused': Schemas['ExecutionPaused'];
  'execution:resumed': Schemas['ExecutionResumed'];
  'execution:completed': Schemas['ExecutionCompleted'];
  'execution:failed': Schemas['ExecutionFailed'];
  'execution:reloaded': Schemas['ExecutionReloaded'];
  'execution:injected': Schemas['ExecutionInjected'];
  'port:emit': Schemas['PortEmit'];
  'port:output': Schemas['PortOutput'];
  'component:invoked': Schemas['ComponentInvoked'];
  'component:failed': Schemas['ComponentFailed'];
  'component:logged': Schemas['ComponentLogged'];
  'metrics:update': Schemas['MetricsUpdate'];
  'statistics:update': Schemas['StatisticsUpdate'];
  'events:skipped': Schemas['EventsSkipped'];
  'breakpoint:set': Schemas['BreakpointSet'];
  'breakpoint:removed': Schemas['BreakpointRemoved'];
  'breakpoint:hit': Schemas['BreakpointWasHit'];
  'breakpoint:released': Schemas['BreakpointReleased'];
  'breakpoint:failed': Schemas['BreakpointFailed'];
  'edge:paused': Schemas['EdgePaused'];
  'edge:resumed': Schemas['EdgeResumed'];
  'edge:stepped': Schemas['EdgeStepped'];
  'edge:dropped': Schemas['EdgeDropped'];
  'edge:edited': Schemas['EdgeEdited'];
  'edge:moved': Schemas['EdgeMoved'];
  'edge:inserted': Schemas['EdgeInserted'];
  'edge:redirected': Schemas['EdgeRedirected'];
  'error': Schemas['ErrorEvent'];
}
