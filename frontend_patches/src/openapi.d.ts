/** Written by `npm run types` from the OpenAPI document of our endpoints. Do not edit it. */

export interface paths {
  '/api/usage/groups': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** All usage groups that you may see, with their usage */
    get: operations['get_groups_api_usage_groups_get'];
    put?: never;
    /** Create a usage group */
    post: operations['create_group_api_usage_groups_post'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/groups/{name}': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    /** Change a usage group */
    put: operations['update_group_api_usage_groups__name__put'];
    post?: never;
    /** Delete a usage group; the ledger keeps its rows */
    delete: operations['delete_group_api_usage_groups__name__delete'];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/groups/{name}/reset': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Set a group's counters to zero */
    post: operations['reset_group_api_usage_groups__name__reset_post'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/budgets': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** All budgets */
    get: operations['get_budgets_api_usage_budgets_get'];
    put?: never;
    /** Create a budget */
    post: operations['create_budget_api_usage_budgets_post'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/budgets/{name}': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    /** Change a budget */
    put: operations['update_budget_api_usage_budgets__name__put'];
    post?: never;
    /** Delete a budget */
    delete: operations['delete_budget_api_usage_budgets__name__delete'];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/prices': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The prices that you set */
    get: operations['get_prices_api_usage_prices_get'];
    /** Set the price of a model or a glob */
    put: operations['put_price_api_usage_prices_put'];
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/prices/{model}': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post?: never;
    /** Remove a price */
    delete: operations['delete_price_api_usage_prices__model__delete'];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/me': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What you used, what is left, and when it begins anew */
    get: operations['get_me_api_usage_me_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/page': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What the page's script needs, in one request */
    get: operations['get_page_api_usage_page_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/health': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What works, and what does not */
    get: operations['get_health_api_usage_health_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
}
export type webhooks = Record<string, never>;
export interface components {
  schemas: {
    /**
     * BudgetChanged
     * @description A budget as it is now.
     */
    BudgetChanged: {
      /**
       * Status
       * @constant
       */
      status: true;
      budget: components['schemas']['UsageBudget'];
    };
    /**
     * BudgetChanges
     * @description What to change of a budget: a field left out stays. Another `unit` needs a `limit` with it.
     */
    BudgetChanges: {
      /**
       * Limit
       * @description In `unit`: whole tokens or requests, or US dollars up to 1000000000; null only counts.
       * @example 25
       */
      limit?: number | string | null;
      /**
       * Unit
       * @description What is counted.
       * @example usd
       * @enum {string}
       */
      unit?: 'tokens' | 'usd' | 'requests';
      scope?: components['schemas']['ScopeBody'];
      /**
       * Models
       * @description Ids of models, or globs: `*` is any run of characters, `?` any one.
       * @example [
       *       "gpt-4o*",
       *       "o3"
       *     ]
       */
      models?: string[];
      /**
       * Group
       * @description A usage group whose models are counted, in place of `models`.
       * @example null
       */
      group?: string | null;
      /**
       * Period
       * @description How long the limit lasts before it begins anew.
       * @example month
       * @enum {string}
       */
      period?: 'total' | 'day' | 'week' | 'month';
      /**
       * Timezone
       * @description Where days begin: a name of the IANA time zone database.
       * @example Europe/Berlin
       */
      timezone?: string;
      /**
       * Action
       * @description At the limit `block` refuses the next call, `warn` only shows it.
       * @example block
       * @enum {string}
       */
      action?: 'block' | 'warn';
      /**
       * Soft Limits
       * @description Percent of the limit at which the webhook is told.
       * @example [
       *       80,
       *       95
       *     ]
       */
      soft_limits?: number[];
      /**
       * Counting
       * @description Whether OUT is completion + reasoning tokens as the provider reported them, or the billed ones.
       * @example documented
       * @enum {string}
       */
      counting?: 'documented' | 'billed';
      /**
       * Free Models Exempt
       * @description Models that cost nothing stay usable when a budget of money is spent.
       * @example true
       */
      free_models_exempt?: boolean;
    };
    /**
     * BudgetScope
     * @description Whom a budget binds.
     */
    BudgetScope: {
      /**
       * Kind
       * @example each_user
       * @enum {string}
       */
      kind: 'everyone' | 'each_user' | 'user' | 'group' | 'each_user_of_group';
      /**
       * Id
       * @description Of a user or of a user group, where the kind has one.
       * @example null
       */
      id: string | null;
    };
    /**
     * Done
     * @description It was done.
     */
    Done: {
      /**
       * Status
       * @constant
       */
      status: true;
    };
    /**
     * GroupChanged
     * @description A usage group as it is now.
     */
    GroupChanged: {
      /**
       * Status
       * @constant
       */
      status: true;
      group: components['schemas']['NamedUsageGroup'];
    };
    /**
     * GroupChanges
     * @description What to change of a usage group: a field left out stays, `"limit": null` removes the limit.
     */
    GroupChanges: {
      /**
       * Models
       * @description Ids of models, or globs: `*` is any run of characters, `?` any one.
       * @example [
       *       "gpt-4o*",
       *       "o3"
       *     ]
       */
      models?: string[];
      /**
       * Limit
       * @description Whole tokens in a period; null for no limit.
       * @example 1000000
       */
      limit?: number | null;
      /**
       * Period
       * @description How long the limit lasts before it begins anew.
       * @example month
       * @enum {string}
       */
      period?: 'total' | 'day' | 'week' | 'month';
      /**
       * Timezone
       * @description Where days begin: a name of the IANA time zone database.
       * @example Europe/Berlin
       */
      timezone?: string;
      /**
       * Action
       * @description At the limit `block` refuses the next call, `warn` only shows it.
       * @example block
       * @enum {string}
       */
      action?: 'block' | 'warn';
      /**
       * Soft Limits
       * @description Percent of the limit at which the webhook is told.
       * @example [
       *       80,
       *       95
       *     ]
       */
      soft_limits?: number[];
      /**
       * Counting
       * @description Whether OUT is completion + reasoning tokens as the provider reported them, or the billed ones.
       * @example documented
       * @enum {string}
       */
      counting?: 'documented' | 'billed';
    };
    /** HTTPValidationError */
    HTTPValidationError: {
      /** Detail */
      detail?: components['schemas']['ValidationError'][];
    };
    /**
     * InvalidField
     * @description What is wrong with one field of a request.
     */
    InvalidField: {
      /**
       * Type
       * @description For programs.
       * @example limit
       */
      type: string;
      /**
       * Loc
       * @description Where: `body`, `path` or `query`, then the field.
       * @example [
       *       "body",
       *       "limit"
       *     ]
       */
      loc: (string | number)[];
      /**
       * Msg
       * @description What is wrong, and what would be right.
       * @example must be a whole number of tokens, 0 to 1000000000000000, or null for no limit (got -1)
       */
      msg: string;
    };
    /**
     * InvalidInput
     * @description All that is wrong with a request.
     */
    InvalidInput: {
      /** Detail */
      detail: components['schemas']['InvalidField'][];
    };
    /**
     * LedgerStatus
     * @description Whether calls reach the database.
     */
    LedgerStatus: {
      /**
       * State
       * @description `spooling` while rows cannot be written and wait in a file.
       * @example ok
       * @enum {string}
       */
      state: 'opening' | 'ok' | 'spooling';
      /**
       * Since
       * Format: date-time
       * @example 2026-11-30T23:00:00Z
       */
      since: string;
      /**
       * Reason
       * @description Why rows cannot be written.
       * @example null
       */
      reason: string | null;
      /**
       * Spool Folder
       * @example /app/backend/data/usage-spool
       */
      spool_folder: string;
      /**
       * Spool Rows
       * @description Rows that wait in the folder.
       * @example 0
       */
      spool_rows: number;
      /**
       * Memory Rows
       * @description Rows that wait in memory alone.
       * @example 0
       */
      memory_rows: number;
      /**
       * Rejected Rows
       * @description Rows that were set aside for a person to look at.
       * @example 0
       */
      rejected_rows: number;
    };
    /**
     * NamedUsageGroup
     * @description A usage group with its name.
     */
    NamedUsageGroup: {
      /**
       * Models
       * @description Ids or globs; to users who are no admins, ids of models that they can use.
       * @example [
       *       "gpt-4o*"
       *     ]
       */
      models: string[];
      /**
       * Limit
       * @description Tokens in a period; null for no limit.
       * @example 1000000
       */
      limit: number | null;
      usage: components['schemas']['PeriodUsage'];
      /** @description As in `usage`, of all periods together. */
      all_time: components['schemas']['TokenCounts'];
      /**
       * Counting
       * @example documented
       * @enum {string}
       */
      counting: 'documented' | 'billed';
      /**
       * Period
       * @example month
       * @enum {string}
       */
      period: 'total' | 'day' | 'week' | 'month';
      /**
       * Timezone
       * @description Where days begin.
       * @example Europe/Berlin
       */
      timezone: string;
      /**
       * Action
       * @example block
       * @enum {string}
       */
      action: 'block' | 'warn';
      /**
       * Soft Limits
       * @description Percent at which the webhook is told.
       * @example [
       *       80,
       *       95
       *     ]
       */
      soft_limits: number[];
      /**
       * Resets At
       * @description When the next period begins; null where this one never ends.
       * @example 2026-11-30T23:00:00Z
       */
      resets_at: string | null;
      /**
       * Remaining
       * @description Of `limit`; null where there is none.
       * @example 993088
       */
      remaining: number | null;
      /**
       * Name
       * @example GPT
       */
      name: string;
    };
    /**
     * NewBudget
     * @description A budget to create.
     */
    NewBudget: {
      /**
       * Limit
       * @description In `unit`: whole tokens or requests, or US dollars up to 1000000000; null only counts.
       * @example 25
       */
      limit: number | string | null;
      /**
       * Unit
       * @description What is counted.
       * @default tokens
       * @example usd
       * @enum {string}
       */
      unit?: 'tokens' | 'usd' | 'requests';
      /**
       * @default {
       *       "kind": "everyone"
       *     }
       */
      scope?: components['schemas']['ScopeBody'];
      /**
       * Models
       * @description Ids of models, or globs: `*` is any run of characters, `?` any one.
       * @default [
       *       "*"
       *     ]
       * @example [
       *       "gpt-4o*",
       *       "o3"
       *     ]
       */
      models?: string[];
      /**
       * Group
       * @description A usage group whose models are counted, in place of `models`.
       * @example null
       */
      group?: string | null;
      /**
       * Period
       * @description How long the limit lasts before it begins anew.
       * @default total
       * @example month
       * @enum {string}
       */
      period?: 'total' | 'day' | 'week' | 'month';
      /**
       * Timezone
       * @description Where days begin: a name of the IANA time zone database.
       * @default UTC
       * @example Europe/Berlin
       */
      timezone?: string;
      /**
       * Action
       * @description At the limit `block` refuses the next call, `warn` only shows it.
       * @default block
       * @example block
       * @enum {string}
       */
      action?: 'block' | 'warn';
      /**
       * Soft Limits
       * @description Percent of the limit at which the webhook is told.
       * @default [
       *       80,
       *       95
       *     ]
       * @example [
       *       80,
       *       95
       *     ]
       */
      soft_limits?: number[];
      /**
       * Counting
       * @description Whether OUT is completion + reasoning tokens as the provider reported them, or the billed ones.
       * @default documented
       * @example documented
       * @enum {string}
       */
      counting?: 'documented' | 'billed';
      /**
       * Free Models Exempt
       * @description Models that cost nothing stay usable when a budget of money is spent.
       * @default true
       * @example true
       */
      free_models_exempt?: boolean;
      /**
       * Name
       * @description Without slashes and control characters.
       * @example GPT
       */
      name: string;
    };
    /**
     * NewGroup
     * @description A usage group to create.
     */
    NewGroup: {
      /**
       * Name
       * @description Without slashes and control characters.
       * @example GPT
       */
      name: string;
      /**
       * Models
       * @description Ids of models, or globs: `*` is any run of characters, `?` any one.
       * @example [
       *       "gpt-4o*",
       *       "o3"
       *     ]
       */
      models: string[];
      /**
       * Limit
       * @description Whole tokens in a period; null for no limit.
       * @example 1000000
       */
      limit?: number | null;
      /**
       * Period
       * @description How long the limit lasts before it begins anew.
       * @default total
       * @example month
       * @enum {string}
       */
      period?: 'total' | 'day' | 'week' | 'month';
      /**
       * Timezone
       * @description Where days begin: a name of the IANA time zone database.
       * @default UTC
       * @example Europe/Berlin
       */
      timezone?: string;
      /**
       * Action
       * @description At the limit `block` refuses the next call, `warn` only shows it.
       * @default block
       * @example block
       * @enum {string}
       */
      action?: 'block' | 'warn';
      /**
       * Soft Limits
       * @description Percent of the limit at which the webhook is told.
       * @default [
       *       80,
       *       95
       *     ]
       * @example [
       *       80,
       *       95
       *     ]
       */
      soft_limits?: number[];
      /**
       * Counting
       * @description Whether OUT is completion + reasoning tokens as the provider reported them, or the billed ones. Null: as OPENWEBUI_USAGE_COUNTING says.
       * @example documented
       */
      counting?: ('documented' | 'billed') | null;
    };
    /**
     * NewPrice
     * @description A price to set: US dollars per million tokens, and per request.
     */
    NewPrice: {
      /**
       * Model
       * @description A model's id, or a glob: `*` is any run of characters, `?` any one.
       * @example gpt-4o*
       */
      model: string;
      /**
       * Input
       * @description Of prompt tokens.
       * @example 2.5
       */
      input: number | string;
      /**
       * Output
       * @description Of tokens of answer and reasoning.
       * @example 10
       */
      output: number | string;
      /**
       * Cached Input
       * @description Of prompt tokens that came from a cache; null: as `input`.
       * @example 1.25
       */
      cached_input?: number | string | null;
      /**
       * Cache Write
       * @description Of prompt tokens that were written to a cache; null: as `input`.
       * @example null
       */
      cache_write?: number | string | null;
      /**
       * Request
       * @description Of each request, whatever its tokens.
       * @default 0
       * @example 0
       */
      request?: number | string;
    };
    /**
     * OwnUsage
     * @description What was used, and what is left.
     */
    OwnUsage: {
      /**
       * Budgets
       * @description Those that bind whoever asks.
       */
      budgets: components['schemas']['UsageBudgetStatus'][];
      /**
       * Groups
       * @description Those that whoever asks may see, by name.
       */
      groups: {
        [key: string]: components['schemas']['UsageGroup'];
      };
    };
    /**
     * PageData
     * @description All that the page's script needs.
     */
    PageData: {
      /**
       * Budgets
       * @description Those that bind whoever asks.
       */
      budgets: components['schemas']['UsageBudgetStatus'][];
      /**
       * Groups
       * @description Those that whoever asks may see, by name.
       */
      groups: {
        [key: string]: components['schemas']['UsageGroup'];
      };
      /**
       * Models
       * @description By id.
       */
      models: {
        [key: string]: components['schemas']['SelectableModel'];
      };
      /**
       * Words
       * @description What counter and menu say, in the language that was asked for.
       * @example {
       *       "effort": "Reasoning effort",
       *       "remaining": "Remaining"
       *     }
       */
      words: {
        [key: string]: string;
      };
    };
    /**
     * PeriodUsage
     * @description What the models of a group used in its current period.
     */
    PeriodUsage: {
      /**
       * In
       * @description Of prompts.
       * @example 1234
       */
      in: number;
      /**
       * Out
       * @description Of answers and reasoning, by the group's `counting`.
       * @example 5678
       */
      out: number;
      /**
       * Total
       * @description `in` and `out` together.
       * @example 6912
       */
      total: number;
      /**
       * Cached
       * @description Prompt tokens that came from a cache.
       * @example 1024
       */
      cached: number;
      /**
       * Completion
       * @description Completion tokens, as the providers reported them.
       * @example 3000
       */
      completion: number;
      /**
       * Reasoning
       * @description Reasoning tokens, as the providers reported them.
       * @example 2678
       */
      reasoning: number;
      /**
       * Billed
       * @description All tokens that were billed, each once.
       * @example 4234
       */
      billed: number;
      /**
       * Calls
       * @example 3
       */
      calls: number;
      /**
       * Estimated Calls
       * @description Calls whose provider never told what they used.
       * @example 0
       */
      estimated_calls: number;
      /**
       * Cost
       * @description In US dollars; null where no call has a known price, which is not the same as 0.
       * @example 0.0331
       */
      cost: number | null;
      /**
       * Unpriced Calls
       * @description Calls whose price nobody knows: they are not in `cost`.
       * @example 0
       */
      unpriced_calls: number;
    };
    /**
     * PluginHealth
     * @description How the plugin fares in the worker that answers.
     */
    PluginHealth: {
      /**
       * Version
       * @example 1.0.0
       */
      version: string;
      /**
       * Running
       * @description Whether calls are metered.
       * @example true
       */
      running: boolean;
      ledger: components['schemas']['LedgerStatus'];
      /** @description Null while the database does not answer. */
      reports: components['schemas']['ReportsStatus'] | null;
      /**
       * Tasks
       * @description The periodic tasks, each with what its last round failed with, or null.
       * @example {}
       */
      tasks: {
        [key: string]: string | null;
      };
      /**
       * Wrapped
       * @description The functions of Open WebUI through which calls are seen.
       * @example [
       *       "open_webui.routers.openai.generate_chat_completion"
       *     ]
       */
      wrapped: string[];
      /**
       * Missing
       * @description Those that this version of Open WebUI does not have.
       * @example []
       */
      missing: string[];
      /** Taken Back */
      taken_back: components['schemas']['TakenBack'][];
      /**
       * Faults
       * @description How often each part of the plugin failed, and the call went on.
       * @example {}
       */
      faults: {
        [key: string]: number;
      };
    };
    /**
     * PriceChanged
     * @description A price as it is now.
     */
    PriceChanged: {
      /**
       * Status
       * @constant
       */
      status: true;
      price: components['schemas']['UsagePrice'];
    };
    /**
     * Problem
     * @description Why it was not done.
     */
    Problem: {
      /**
       * Detail
       * @description For people, in English.
       */
      detail: string;
    };
    /**
     * ReportsStatus
     * @description How far the work is that reports are made fast by. They are exact at any time.
     */
    ReportsStatus: {
      /**
       * Folded Until
       * @description Up to when sums of longer spans are made; null before the first.
       * @example 2026-11-27T00:00:00Z
       */
      folded_until: string | null;
      /**
       * Converted
       * @description The share of calls from older versions that reports know already; null for all of them.
       * @example null
       */
      converted: number | null;
    };
    /**
     * ScopeBody
     * @description Whom a budget binds.
     */
    ScopeBody: {
      /**
       * Kind
       * @description Everyone together, each user alone, one user, a user group together, or each member of one.
       * @example each_user
       * @enum {string}
       */
      kind: 'everyone' | 'each_user' | 'user' | 'group' | 'each_user_of_group';
      /**
       * Id
       * @description Of the user or of Open WebUI's user group, for the last three kinds alone.
       * @example null
       */
      id?: string | null;
    };
    /**
     * SelectableModel
     * @description A model that whoever asks can use.
     */
    SelectableModel: {
      /**
       * Name
       * @description As Open WebUI's model selector shows it; not unique.
       * @example o3-mini
       */
      name: string;
      /**
       * Base
       * @description The model that a workspace model is built on.
       * @example null
       */
      base: string | null;
      /**
       * Effort
       * @description What the menu shows where nobody has chosen; null where there is nothing to choose.
       * @example medium
       */
      effort: ('none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max') | 'default' | null;
      /**
       * Efforts
       * @description What the menu offers, in order; left out where there is nothing to choose.
       * @example [
       *       "low",
       *       "medium",
       *       "high"
       *     ]
       */
      efforts?: (('none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max') | 'default')[];
    };
    /**
     * TakenBack
     * @description What a provider refused of our additions to a request, so that it is left out until the next start.
     */
    TakenBack: {
      /**
       * Connection
       * @example https://api.example.com/v1
       */
      connection: string;
      /**
       * Model
       * @example some-model
       */
      model: string;
      /**
       * With Tools
       * @description Whether that is so of requests that offer tools.
       * @example false
       */
      with_tools: boolean;
      /**
       * Fields
       * @example [
       *       "stream_options"
       *     ]
       */
      fields: string[];
    };
    /**
     * TokenCounts
     * @description Tokens, as a group counts them.
     */
    TokenCounts: {
      /**
       * In
       * @description Of prompts.
       * @example 1234
       */
      in: number;
      /**
       * Out
       * @description Of answers and reasoning, by the group's `counting`.
       * @example 5678
       */
      out: number;
      /**
       * Total
       * @description `in` and `out` together.
       * @example 6912
       */
      total: number;
    };
    /**
     * UsageBudget
     * @description A budget, as admins see it.
     */
    UsageBudget: {
      /**
       * Name
       * @example Fair share
       */
      name: string;
      scope: components['schemas']['BudgetScope'];
      /**
       * Models
       * @description Ids or globs.
       * @example [
       *       "*"
       *     ]
       */
      models: string[];
      /**
       * Group
       * @description The usage group that it counts in place of `models`.
       * @example null
       */
      group: string | null;
      /**
       * Unit
       * @example requests
       * @enum {string}
       */
      unit: 'tokens' | 'usd' | 'requests';
      /**
       * Limit
       * @description In `unit`; null where it only counts.
       * @example 200
       */
      limit: number | null;
      /**
       * Period
       * @example day
       * @enum {string}
       */
      period: 'total' | 'day' | 'week' | 'month';
      /**
       * Timezone
       * @description Where days begin.
       * @example UTC
       */
      timezone: string;
      /**
       * Action
       * @example block
       * @enum {string}
       */
      action: 'block' | 'warn';
      /**
       * Soft Limits
       * @description Percent at which the webhook is told.
       * @example [
       *       80,
       *       95
       *     ]
       */
      soft_limits: number[];
      /**
       * Counting
       * @example documented
       * @enum {string}
       */
      counting: 'documented' | 'billed';
      /**
       * Free Models Exempt
       * @description Whether models that cost nothing stay usable when a budget of money is spent.
       * @example true
       */
      free_models_exempt: boolean;
    };
    /**
     * UsageBudgetStatus
     * @description A budget that binds whoever asks: what is used and left, and when it begins anew.
     */
    UsageBudgetStatus: {
      /**
       * Name
       * @example Fair share
       */
      name: string;
      /**
       * Scope
       * @example each_user
       * @enum {string}
       */
      scope: 'everyone' | 'each_user' | 'user' | 'group' | 'each_user_of_group';
      /**
       * Unit
       * @example requests
       * @enum {string}
       */
      unit: 'tokens' | 'usd' | 'requests';
      /**
       * Limit
       * @description In `unit`; null where it only counts.
       * @example 200
       */
      limit: number | null;
      /**
       * Used
       * @description In `unit`.
       * @example 3
       */
      used: number;
      /**
       * Remaining
       * @description In `unit`; null where there is no limit.
       * @example 197
       */
      remaining: number | null;
      /**
       * Period
       * @example day
       * @enum {string}
       */
      period: 'total' | 'day' | 'week' | 'month';
      /**
       * Resets At
       * @description When the next period begins; null where this one never ends.
       * @example 2026-11-30T23:00:00Z
       */
      resets_at: string | null;
      /**
       * Models
       * @description Ids or globs of what it counts; null where it counts a `group`.
       * @example [
       *       "*"
       *     ]
       */
      models: string[] | null;
      /**
       * Group
       * @description The usage group that it counts.
       * @example null
       */
      group: string | null;
      /**
       * Action
       * @example block
       * @enum {string}
       */
      action: 'block' | 'warn';
    };
    /**
     * UsageBudgets
     * @description All budgets.
     */
    UsageBudgets: {
      /** Budgets */
      budgets: components['schemas']['UsageBudget'][];
    };
    /**
     * UsageGroup
     * @description A usage group, and what its models used. The socket event tells the same.
     */
    UsageGroup: {
      /**
       * Models
       * @description Ids or globs; to users who are no admins, ids of models that they can use.
       * @example [
       *       "gpt-4o*"
       *     ]
       */
      models: string[];
      /**
       * Limit
       * @description Tokens in a period; null for no limit.
       * @example 1000000
       */
      limit: number | null;
      usage: components['schemas']['PeriodUsage'];
      /** @description As in `usage`, of all periods together. */
      all_time: components['schemas']['TokenCounts'];
      /**
       * Counting
       * @example documented
       * @enum {string}
       */
      counting: 'documented' | 'billed';
      /**
       * Period
       * @example month
       * @enum {string}
       */
      period: 'total' | 'day' | 'week' | 'month';
      /**
       * Timezone
       * @description Where days begin.
       * @example Europe/Berlin
       */
      timezone: string;
      /**
       * Action
       * @example block
       * @enum {string}
       */
      action: 'block' | 'warn';
      /**
       * Soft Limits
       * @description Percent at which the webhook is told.
       * @example [
       *       80,
       *       95
       *     ]
       */
      soft_limits: number[];
      /**
       * Resets At
       * @description When the next period begins; null where this one never ends.
       * @example 2026-11-30T23:00:00Z
       */
      resets_at: string | null;
      /**
       * Remaining
       * @description Of `limit`; null where there is none.
       * @example 993088
       */
      remaining: number | null;
    };
    /**
     * UsageGroups
     * @description Usage groups by name.
     */
    UsageGroups: {
      /** Groups */
      groups: {
        [key: string]: components['schemas']['UsageGroup'];
      };
    };
    /**
     * UsagePrice
     * @description A price that an admin set: US dollars per million tokens, and per request.
     */
    UsagePrice: {
      /**
       * Model
       * @description An id or a glob.
       * @example gpt-4o*
       */
      model: string;
      /**
       * Input
       * @description Of prompt tokens.
       * @example 2.5
       */
      input: number;
      /**
       * Output
       * @description Of tokens of answer and reasoning.
       * @example 10
       */
      output: number;
      /**
       * Cached Input
       * @description Of prompt tokens that came from a cache; null: as `input`.
       * @example 1.25
       */
      cached_input: number | null;
      /**
       * Cache Write
       * @description Of prompt tokens that were written to a cache; null: as `input`.
       * @example null
       */
      cache_write: number | null;
      /**
       * Request
       * @description Of each request, whatever its tokens.
       * @example 0
       */
      request: number;
    };
    /**
     * UsagePrices
     * @description All prices that admins set.
     */
    UsagePrices: {
      /** Prices */
      prices: components['schemas']['UsagePrice'][];
    };
    /** ValidationError */
    ValidationError: {
      /** Location */
      loc: (string | number)[];
      /** Message */
      msg: string;
      /** Error Type */
      type: string;
      /** Input */
      input?: unknown;
      /** Context */
      ctx?: Record<string, never>;
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
  get_groups_api_usage_groups_get: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['UsageGroups'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Validation Error */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['HTTPValidationError'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  create_group_api_usage_groups_post: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        'application/json': components['schemas']['NewGroup'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['GroupChanged'];
        };
      };
      /** @description The body is no JSON in UTF-8, or nested too deeply */
      400: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description The name is taken, is counted by a budget, or is changed at this moment */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Bad input: each field that is wrong, and what would be right */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InvalidInput'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  update_group_api_usage_groups__name__put: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path: {
        /** @description A usage group's */
        name: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        'application/json': components['schemas']['GroupChanges'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['GroupChanged'];
        };
      };
      /** @description The body is no JSON in UTF-8, or nested too deeply */
      400: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description There is none of that name */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description The name is taken, is counted by a budget, or is changed at this moment */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Bad input: each field that is wrong, and what would be right */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InvalidInput'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  delete_group_api_usage_groups__name__delete: {
    parameters: {
      query: {
        /** @description Delete the budgets that count it, too */
        cascade?: boolean;
        _: unknown;
      };
      header?: never;
      path: {
        /** @description A usage group's */
        name: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Done'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description There is none of that name */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description The name is taken, is counted by a budget, or is changed at this moment */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Bad input: each field that is wrong, and what would be right */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InvalidInput'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  reset_group_api_usage_groups__name__reset_post: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path: {
        /** @description A usage group's */
        name: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['GroupChanged'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description There is none of that name */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Bad input: each field that is wrong, and what would be right */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InvalidInput'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  get_budgets_api_usage_budgets_get: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['UsageBudgets'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Validation Error */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['HTTPValidationError'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  create_budget_api_usage_budgets_post: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        'application/json': components['schemas']['NewBudget'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['BudgetChanged'];
        };
      };
      /** @description The body is no JSON in UTF-8, or nested too deeply */
      400: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description The name is taken, is counted by a budget, or is changed at this moment */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Bad input: each field that is wrong, and what would be right */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InvalidInput'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  update_budget_api_usage_budgets__name__put: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path: {
        /** @description A budget's */
        name: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        'application/json': components['schemas']['BudgetChanges'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['BudgetChanged'];
        };
      };
      /** @description The body is no JSON in UTF-8, or nested too deeply */
      400: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description There is none of that name */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description The name is taken, is counted by a budget, or is changed at this moment */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Bad input: each field that is wrong, and what would be right */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InvalidInput'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  delete_budget_api_usage_budgets__name__delete: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path: {
        /** @description A budget's */
        name: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Done'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description There is none of that name */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Bad input: each field that is wrong, and what would be right */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InvalidInput'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  get_prices_api_usage_prices_get: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['UsagePrices'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Validation Error */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['HTTPValidationError'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  put_price_api_usage_prices_put: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        'application/json': components['schemas']['NewPrice'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['PriceChanged'];
        };
      };
      /** @description The body is no JSON in UTF-8, or nested too deeply */
      400: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Bad input: each field that is wrong, and what would be right */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InvalidInput'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  delete_price_api_usage_prices__model__delete: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path: {
        /** @description As it was set */
        model: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Done'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description There is none of that name */
      404: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Bad input: each field that is wrong, and what would be right */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InvalidInput'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  get_me_api_usage_me_get: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['OwnUsage'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Validation Error */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['HTTPValidationError'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  get_page_api_usage_page_get: {
    parameters: {
      query: {
        /** @description A language tag (BCP 47) */
        lang?: string;
        _: unknown;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['PageData'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Bad input: each field that is wrong, and what would be right */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['InvalidInput'];
        };
      };
      /** @description The ledger's database is away */
      503: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
    };
  };
  get_health_api_usage_health_get: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['PluginHealth'];
        };
      };
      /** @description No login, or a bad one */
      401: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description For admins alone; or another site's page sent this by somebody's cookie */
      403: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Problem'];
        };
      };
      /** @description Validation Error */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['HTTPValidationError'];
        };
      };
    };
  };
}
