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
  '/api/usage/budgets/preview': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Whom a budget would have refused */
    post: operations['preview_budget_api_usage_budgets_preview_post'];
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
  '/api/usage/budgets/{name}/reset': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Set a budget's counters to zero */
    post: operations['reset_budget_api_usage_budgets__name__reset_post'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/budgets/{name}/credits': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The credit that was given */
    get: operations['get_credits_api_usage_budgets__name__credits_get'];
    put?: never;
    /** Give credit */
    post: operations['give_credit_api_usage_budgets__name__credits_post'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/budgets/{name}/credits/{id}': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post?: never;
    /** Take credit back */
    delete: operations['delete_credit_api_usage_budgets__name__credits__id__delete'];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/journal': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Who changed what, newest first */
    get: operations['get_journal_api_usage_journal_get'];
    put?: never;
    post?: never;
    delete?: never;
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
  '/api/usage/prices/effective': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What each model costs, who says so, and what had no price in the last 30 days */
    get: operations['get_effective_prices_api_usage_prices_effective_get'];
    put?: never;
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
  '/api/usage/me/access': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Who you are and what you may open */
    get: operations['get_access_api_usage_me_access_get'];
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
  '/api/usage/me/limit': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The limit that you set for yourself */
    get: operations['get_own_limit_api_usage_me_limit_get'];
    /** Set a limit for yourself, or remove it: it is shown to you, and refuses nothing */
    put: operations['put_own_limit_api_usage_me_limit_put'];
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/me/chats': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Your most expensive chats */
    get: operations['get_own_chats_api_usage_me_chats_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/typical': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What a message typically uses, by model and effort */
    get: operations['get_typical_api_usage_typical_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/reports': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What calls come to, by time and by who, what, where and how */
    get: operations['get_report_api_usage_reports_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/me/report': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The same of your own calls: chats, tasks, API keys and all */
    get: operations['get_own_report_api_usage_me_report_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/refusals': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Who was refused, by which limit, how often */
    get: operations['get_refusals_api_usage_refusals_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/unusual-users': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Users whose last 24 hours are far beyond their own usual day */
    get: operations['get_unusual_users_api_usage_unusual_users_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/forecast': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** When each limit will be reached */
    get: operations['get_forecast_api_usage_forecast_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/me/forecast': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** When your own limits will be reached */
    get: operations['get_own_forecast_api_usage_me_forecast_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/calls': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The calls themselves, newest first */
    get: operations['get_calls_api_usage_calls_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/calls/{id}': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** All that is known of one call */
    get: operations['get_call_api_usage_calls__id__get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/me/calls': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The same of your own calls: chats, tasks, API keys and all */
    get: operations['get_own_calls_api_usage_me_calls_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/export/focus': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What user groups are charged for a month, as FOCUS 1.2 */
    get: operations['export_focus_api_usage_export_focus_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/cost-centers': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The cost centers of user groups */
    get: operations['get_cost_centers_api_usage_cost_centers_get'];
    /** Replace the cost centers of all user groups */
    put: operations['put_cost_centers_api_usage_cost_centers_put'];
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/views': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The views that you may open */
    get: operations['get_views_api_usage_views_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/views/{name}': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** One view */
    get: operations['get_view_api_usage_views__name__get'];
    /** Save a view, in the place of the one of that name */
    put: operations['put_view_api_usage_views__name__put'];
    post?: never;
    /** Remove a view */
    delete: operations['delete_view_api_usage_views__name__delete'];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/directory/models': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The models of this Open WebUI */
    get: operations['get_models_api_usage_directory_models_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/directory/users': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Up to 50 of its users, by name or address */
    get: operations['get_users_api_usage_directory_users_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/directory/user-groups': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Up to 50 of its user groups, by name */
    get: operations['get_user_groups_api_usage_directory_user_groups_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/readers': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Who may read reports beside admins */
    get: operations['get_readers_api_usage_readers_get'];
    /** Let user groups read reports */
    put: operations['put_readers_api_usage_readers_put'];
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/webhook': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Where notices go, and how the last ones went */
    get: operations['get_webhook_api_usage_webhook_get'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/webhook/test': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Post a test to the webhook, and see what the receiver says */
    post: operations['test_webhook_api_usage_webhook_test_post'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/usage/config': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** All groups, budgets, prices, cost centers and readers, as a YAML file */
    get: operations['get_configuration_api_usage_config_get'];
    put?: never;
    /** Define what a YAML file says, whole or not at all; or see what that would change */
    post: operations['put_configuration_api_usage_config_post'];
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
  '/api/usage/metrics': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Metrics for Prometheus, from the ledger */
    get: operations['get_metrics_api_usage_metrics_get'];
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
     * Author
     * @description Who made a change.
     */
    Author: {
      /**
       * Id
       * @description The user's; null for a command.
       * @example 8f1c2b9a
       */
      id: string | null;
      /**
       * Name
       * @example Ada
       */
      name: string;
    };
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
       * Action
       * @description At the limit `block` refuses the next call, `warn` only shows it, `fallback` makes the call with `fallback_model`, `slow` lets it wait, and `effort` does no more than `effort_from` says.
       * @example block
       * @enum {string}
       */
      action?: 'block' | 'warn' | 'fallback' | 'slow' | 'effort';
      /**
       * Fallback Model
       * @description The model for the action `fallback`, by its id.
       * @example null
       */
      fallback_model?: string | null;
      /**
       * Slow Up To
       * @description The longest wait for the action `slow`, in seconds.
       * @example 30
       */
      slow_up_to?: number;
      /**
       * Effort From
       * @description From which percent of the limit on models that reason do so with low effort; null: never.
       * @example null
       */
      effort_from?: number | null;
      /**
       * Strict
       * @description Whether a call is refused where its prompt alone, as estimated, does not fit into what is left.
       * @example false
       */
      strict?: boolean;
      /**
       * Cap Output
       * @description Whether an answer may be no longer than what is left.
       * @example false
       */
      cap_output?: boolean;
      /**
       * Carry Over
       * @description What of an unused remainder the next period begins with: `none`, `all`, or up to an amount in `unit`.
       * @example none
       */
      carry_over?: ('none' | 'all') | number;
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
       * @description How long the limit lasts before it begins anew: `total` (never), `hour`, `day`, `week`, `month`, `quarter`, `year`, some days from a date (`14 days from 2026-11-01`); or a window that moves with the time (`last 5 hours`, `last 30 days`), exact to a quarter of an hour, or `minute`: the last sixty seconds, of each model by itself.
       * @example month
       */
      period?: string;
      /**
       * Timezone
       * @description Where days begin: a name of the IANA time zone database.
       * @example Europe/Berlin
       */
      timezone?: string;
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
      /**
       * Overrides
       * @description Exceptions, where users are counted separately: the user's own wins, else one of the user's groups (see `several_groups`), else the role's; of several for the same, the first.
       * @example [
       *       {
       *         "limit": 30,
       *         "user_group": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d"
       *       }
       *     ]
       */
      overrides?: components['schemas']['OverrideBody'][];
      /**
       * Several Groups
       * @description Which exception holds for a member of several user groups that have one.
       * @example highest
       * @enum {string}
       */
      several_groups?: 'highest' | 'lowest';
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
      kind: 'everyone' | 'each_user' | 'user' | 'group' | 'each_user_of_group' | 'role' | 'each_user_of_role';
      /**
       * Id
       * @description The id of the user or user group, or the role, for the kinds that name one.
       * @example null
       */
      id: string | null;
    };
    /**
     * CallLimit
     * @description A usage group or a budget.
     */
    CallLimit: {
      /**
       * Name
       * @example GPT
       */
      name: string;
      /**
       * Unit
       * @example tokens
       * @enum {string}
       */
      unit: 'tokens' | 'usd' | 'requests';
      /**
       * Limit
       * @description In `unit`; null for none.
       * @example 1000000
       */
      limit: number | null;
      /**
       * Period
       * @example month
       */
      period: string;
    };
    /**
     * ChangedEntry
     * @description A group, a budget, a price, the cost center of a user group, or those who may read.
     */
    ChangedEntry: {
      /**
       * Section
       * @example groups
       * @enum {string}
       */
      section: 'groups' | 'budgets' | 'prices' | 'cost_centers' | 'readers';
      /**
       * Name
       * @description The model of a price, the user group of a cost center.
       * @example GPT
       */
      name: string;
      /**
       * Change
       * @example changed
       * @enum {string}
       */
      change: 'added' | 'changed' | 'removed';
      /**
       * Fields
       * @description Of what is added or removed, all that it has.
       */
      fields: components['schemas']['ChangedField'][];
    };
    /**
     * ChangedField
     * @description One field of an entry.
     */
    ChangedField: {
      /**
       * Field
       * @example limit
       */
      field: string;
      /**
       * From
       * @description Null also where it was not there.
       * @example 100
       */
      from: unknown;
      /**
       * To
       * @description Null also where it is not there any more.
       * @example 200
       */
      to: unknown;
    };
    /**
     * ChatUsage
     * @description One chat: all calls that were made for it, its title and other tasks included.
     */
    ChatUsage: {
      /**
       * Calls
       * @example 3
       */
      calls: number;
      /**
       * In
       * @description Prompt tokens.
       * @example 1234
       */
      in: number;
      /**
       * Out
       * @description Completion and reasoning tokens, as the providers reported them.
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
       * Cache Write
       * @description Prompt tokens that were written to a cache.
       * @example 0
       */
      cache_write: number;
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
       * Cost
       * @description In US dollars, of the calls whose price is known.
       * @example 0.0331
       */
      cost: number;
      /**
       * Cost Input
       * @description The part of `cost` for uncached prompt tokens.
       * @example 0.0005
       */
      cost_input: number;
      /**
       * Cost Cached
       * @description The part of `cost` for cached prompt tokens.
       * @example 0.0013
       */
      cost_cached: number;
      /**
       * Cost Cache Write
       * @description The part of `cost` for writing to caches.
       * @example 0
       */
      cost_cache_write: number;
      /**
       * Cost Output
       * @description The part of `cost` for answers.
       * @example 0.03
       */
      cost_output: number;
      /**
       * Unpriced Calls
       * @description Calls whose price nobody knows: they are not in `cost`.
       * @example 0
       */
      unpriced_calls: number;
      /**
       * Estimated Calls
       * @description Calls whose provider never told what they used.
       * @example 0
       */
      estimated_calls: number;
      /**
       * Errors
       * @description Calls that ended with an error.
       * @example 0
       */
      errors: number;
      /**
       * Refused
       * @description Calls that a limit refused. They are not among `calls`.
       * @example 0
       */
      refused: number;
      /**
       * Id
       * @example 2f6b7c1e-0d3a-4a57-9a57-6f3c3f2f1d10
       */
      id: string;
      /**
       * Title
       * @description As Open WebUI has it; null where the chat is gone, or is not yours.
       * @example Holidays
       */
      title: string | null;
      /**
       * Last At
       * Format: date-time
       * @description When its last call began.
       * @example 2026-11-01T00:00:00+01:00
       */
      last_at: string;
    };
    /**
     * ComparedCost
     * @description In US dollars.
     */
    ComparedCost: {
      /**
       * Last Day
       * @description In the last 24 hours.
       * @example 41.5
       */
      last_day: number;
      /**
       * Usual Day
       * @description The median of the days with calls; 0 where there were none.
       * @example 3
       */
      usual_day: number;
      /**
       * Threshold
       * @description From which on a day is unusual.
       * @example 9.5
       */
      threshold: number;
      /**
       * Days
       * @description With calls, that the usual day is made of.
       * @example 21
       */
      days: number;
    };
    /**
     * ComparedTokens
     * @description IN and OUT together, as documented.
     */
    ComparedTokens: {
      /**
       * Last Day
       * @description In the last 24 hours.
       * @example 9400000
       */
      last_day: number;
      /**
       * Usual Day
       * @description The median of the days with calls; 0 where there were none.
       * @example 80
       */
      usual_day: number;
      /**
       * Threshold
       * @description From which on a day is unusual.
       * @example 1000000
       */
      threshold: number;
      /**
       * Days
       * @description With calls, that the usual day is made of.
       * @example 21
       */
      days: number;
    };
    /**
     * ConfigurationChange
     * @description What a file changed, or would.
     */
    ConfigurationChange: {
      /**
       * Status
       * @constant
       */
      status: true;
      /**
       * Dry Run
       * @description Whether nothing was changed.
       * @example true
       */
      dry_run: boolean;
      /** Changes */
      changes: components['schemas']['ChangedEntry'][];
      /**
       * Kept
       * @description What stays although the file does not name it.
       */
      kept: components['schemas']['KeptEntry'][];
    };
    /**
     * CostCenter
     * @description Who pays for the members of a user group.
     */
    CostCenter: {
      /**
       * User Group
       * @example 8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d
       */
      user_group: string;
      /**
       * Cost Center
       * @description Without slashes and control characters.
       * @example GPT
       */
      cost_center: string;
    };
    /**
     * CostCenters
     * @description All of them; a user group that is not among them has none.
     */
    CostCenters: {
      /** Cost Centers */
      cost_centers: components['schemas']['CostCenter'][];
    };
    /**
     * CreditGiven
     * @description Credit as it was given.
     */
    CreditGiven: {
      /**
       * Status
       * @constant
       */
      status: true;
      credit: components['schemas']['UsageCredit'];
    };
    /**
     * DatabaseStatus
     * @description What the ledger is kept in. No row is counted for it.
     */
    DatabaseStatus: {
      /**
       * Name
       * @example SQLite 3.45.1
       */
      name: string;
      /**
       * Rows
       * @description Of calls, about; null where the database does not know.
       * @example 120
       */
      rows: number | null;
      /**
       * Bytes
       * @description Of the whole ledger; null likewise.
       * @example 1048576
       */
      bytes: number | null;
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
     * EffectivePrice
     * @description What calls of a model cost from now on, in US dollars per million tokens and per request, and who says so.
     */
    EffectivePrice: {
      /**
       * Id
       * @example gpt-4o
       */
      id: string;
      /**
       * Name
       * @description As Open WebUI shows it; not unique.
       * @example GPT-4o
       */
      name: string;
      /**
       * Base
       * @description The model that a workspace model is built on.
       * @example null
       */
      base: string | null;
      /**
       * Called
       * @description The id that the provider is asked for.
       * @example gpt-4o
       */
      called: string;
      /**
       * Connection
       * @description What people know its connection by; null where nobody knows it.
       * @example https://api.openai.com/v1
       */
      connection: string | null;
      /**
       * Source
       * @description `admin`: a price that you set. `connection`: you said that the connection costs nothing. `free`: a free variant by its name. `genai-prices`: public prices. `otherwise`: the token client's fallback. Null: nobody knows. A cost that the provider reports with a call comes before `free` and `genai-prices`.
       * @example genai-prices
       */
      source: ('admin' | 'connection' | 'free' | 'genai-prices' | 'otherwise') | null;
      /**
       * Pattern
       * @description The id or glob that you set the price for.
       * @example null
       */
      pattern: string | null;
      /**
       * Version
       * @description Of the public prices.
       * @example 0.2.3
       */
      version: string | null;
      /**
       * Input
       * @description Of prompt tokens.
       * @example 2.5
       */
      input: number | null;
      /**
       * Output
       * @description Of tokens of answer and reasoning.
       * @example 10
       */
      output: number | null;
      /**
       * Cached Input
       * @description Of prompt tokens that come from a cache.
       * @example 1.25
       */
      cached_input: number | null;
      /**
       * Cache Write
       * @description Of prompt tokens that are written to a cache.
       * @example 2.5
       */
      cache_write: number | null;
      /**
       * Request
       * @description Of each request, whatever its tokens.
       * @example 0
       */
      request: number | null;
    };
    /**
     * EffectivePrices
     * @description What models cost, and what has no price.
     */
    EffectivePrices: {
      /**
       * Models
       * @description All models of the deployment, by name.
       */
      models: components['schemas']['EffectivePrice'][];
      /**
       * From
       * Format: date-time
       * @description Where the time of `unpriced` begins.
       * @example 2026-11-01T00:00:00+01:00
       */
      from: string;
      /**
       * To
       * Format: date-time
       * @description Where it ends; not included.
       * @example 2026-11-01T00:00:00+01:00
       */
      to: string;
      /**
       * Unpriced
       * @description Models whose calls had no price then, those with the most tokens first. On days that had priced calls of the same model as well, the tokens are divided as the calls are.
       */
      unpriced: components['schemas']['UnpricedCalls'][];
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
     * @description What to change of a usage group: a field left out stays, `"limit": null` removes the limit. Budgets that count
     *     the group still do so under another `name`.
     */
    GroupChanges: {
      /**
       * Name
       * @description Without slashes and control characters.
       * @example GPT
       */
      name?: string;
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
      period?: 'total' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year';
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
     * HealthCheck
     * @description One thing that was looked at.
     */
    HealthCheck: {
      /**
       * Id
       * @description The same in all versions.
       * @example ledger
       */
      id: string;
      /**
       * State
       * @description `warn`: somebody should look at it, but calls are counted and limited.
       * @example ok
       * @enum {string}
       */
      state: 'ok' | 'warn' | 'fail';
      /**
       * Text
       * @description How it is.
       * @example No call waits outside of the ledger.
       */
      text: string;
      /**
       * Mend
       * @description What to do; null where it is `ok`.
       * @example null
       */
      mend: string | null;
      /**
       * Code
       * @description Which of the sentences of its `id` and `state` the check says, the same in all versions: for those who say it in another language. Null for a sentence that is only English.
       * @example waiting
       */
      code: string | null;
      /**
       * Values
       * @description What is particular in the sentence. `n` is how many it speaks of; `bytes`, `seconds`, `milliseconds` and `share` (of 1) are what they are called; `at`, `since`, `until`, `oldest` and `utc` are times; `more` is how many names are left out; objects have a number or text for each name.
       * @example {
       *       "folder": "/app/backend/data/usage-spool",
       *       "n": 2
       *     }
       */
      values: {
        [key: string]:
          | string
          | number
          | {
              [key: string]: string;
            }
          | {
              [key: string]: number;
            };
      };
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
     * JournalEntry
     * @description One change.
     */
    JournalEntry: {
      /**
       * Id
       * @example 18c5f0a1b2c3d4e5f60718293a4b5c6d
       */
      id: string;
      /**
       * At
       * Format: date-time
       * @example 2026-11-30T23:00:00Z
       */
      at: string;
      by: components['schemas']['Author'];
      /**
       * Section
       * @example budget
       * @enum {string}
       */
      section: 'group' | 'budget' | 'price' | 'credit' | 'cost_centers' | 'readers';
      /**
       * Name
       * @description Of what was changed; of credit, the budget's.
       * @example Fair share
       */
      name: string;
      /**
       * Change
       * @example changed
       * @enum {string}
       */
      change: 'added' | 'changed' | 'removed' | 'reset';
      /**
       * Before
       * @description What of it was before; of a change, the fields that differ.
       * @example {
       *       "limit": 10
       *     }
       */
      before: {
        [key: string]: unknown;
      } | null;
      /**
       * After
       * @description What of it is now.
       * @example {
       *       "limit": 20
       *     }
       */
      after: {
        [key: string]: unknown;
      } | null;
    };
    /**
     * KeptEntry
     * @description What the file does not name although it has the section, and what therefore goes with `prune`.
     */
    KeptEntry: {
      /**
       * Section
       * @example budgets
       * @enum {string}
       */
      section: 'groups' | 'budgets' | 'prices' | 'cost_centers' | 'readers';
      /**
       * Name
       * @example Fair share
       */
      name: string;
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
       * Lag
       * @description How long the oldest row waits that is not written.
       * @example 0
       */
      lag: number;
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
     * Limit
     * @description What refused a call.
     */
    Limit: {
      /**
       * Kind
       * @example group
       * @enum {string}
       */
      kind: 'group' | 'budget';
      /**
       * Id
       * @example 0f8d3c2b1a094e5f8d7c6b5a49382716
       */
      id: string;
      /**
       * Name
       * @description The one of today; of a limit that is gone the last one.
       * @example GPT
       */
      name: string;
      /**
       * Is Gone
       * @description Whether it was deleted since.
       * @example false
       */
      is_gone: boolean;
    };
    /**
     * ModelChoice
     * @description A model of the deployment.
     */
    ModelChoice: {
      /**
       * Id
       * @example gpt-4o
       */
      id: string;
      /**
       * Name
       * @description As Open WebUI shows it; not unique.
       * @example GPT-4o
       */
      name: string;
      /**
       * Base
       * @description The model that a workspace model is built on.
       * @example null
       */
      base: string | null;
      /**
       * Connection
       * @description What people know its connection by; null where nobody knows it.
       * @example https://api.openai.com/v1
       */
      connection: string | null;
    };
    /**
     * ModelChoices
     * @description All models.
     */
    ModelChoices: {
      /**
       * Models
       * @description By name.
       */
      models: components['schemas']['ModelChoice'][];
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
      /** @description The same counts for all periods together. */
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
      period: 'total' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year';
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
       * @description When the next period begins, or a window that moves has room again; null where this one never ends, and for a window that has room.
       * @example 2026-11-30T23:00:00Z
       */
      resets_at: string | null;
      /**
       * Remaining
       * @description What is left of `limit`; null where there is none.
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
     * NamedValue
     * @description A user, a user group or a connection.
     */
    NamedValue: {
      /**
       * Id
       * @example 8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d
       */
      id: string;
      /**
       * Name
       * @description The last one that is known, also of what is gone.
       * @example Ada
       */
      name: string;
    };
    /**
     * NewBudget
     * @description A budget to create.
     */
    NewBudget: {
      /**
       * Action
       * @description At the limit `block` refuses the next call, `warn` only shows it, `fallback` makes the call with `fallback_model`, `slow` lets it wait, and `effort` does no more than `effort_from` says.
       * @default block
       * @example block
       * @enum {string}
       */
      action?: 'block' | 'warn' | 'fallback' | 'slow' | 'effort';
      /**
       * Fallback Model
       * @description The model for the action `fallback`, by its id.
       * @example null
       */
      fallback_model?: string | null;
      /**
       * Slow Up To
       * @description The longest wait for the action `slow`, in seconds.
       * @default 30
       * @example 30
       */
      slow_up_to?: number;
      /**
       * Effort From
       * @description From which percent of the limit on models that reason do so with low effort; null: never.
       * @example null
       */
      effort_from?: number | null;
      /**
       * Strict
       * @description Whether a call is refused where its prompt alone, as estimated, does not fit into what is left.
       * @default false
       * @example false
       */
      strict?: boolean;
      /**
       * Cap Output
       * @description Whether an answer may be no longer than what is left.
       * @default false
       * @example false
       */
      cap_output?: boolean;
      /**
       * Carry Over
       * @description What of an unused remainder the next period begins with: `none`, `all`, or up to an amount in `unit`.
       * @default none
       * @example none
       */
      carry_over?: ('none' | 'all') | number;
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
       * @description How long the limit lasts before it begins anew: `total` (never), `hour`, `day`, `week`, `month`, `quarter`, `year`, some days from a date (`14 days from 2026-11-01`); or a window that moves with the time (`last 5 hours`, `last 30 days`), exact to a quarter of an hour, or `minute`: the last sixty seconds, of each model by itself.
       * @default total
       * @example month
       */
      period?: string;
      /**
       * Timezone
       * @description Where days begin: a name of the IANA time zone database.
       * @default UTC
       * @example Europe/Berlin
       */
      timezone?: string;
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
       * Overrides
       * @description Exceptions, where users are counted separately: the user's own wins, else one of the user's groups (see `several_groups`), else the role's; of several for the same, the first.
       * @default []
       * @example [
       *       {
       *         "limit": 30,
       *         "user_group": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d"
       *       }
       *     ]
       */
      overrides?: components['schemas']['OverrideBody'][];
      /**
       * Several Groups
       * @description Which exception holds for a member of several user groups that have one.
       * @default highest
       * @example highest
       * @enum {string}
       */
      several_groups?: 'highest' | 'lowest';
      /**
       * Name
       * @description Without slashes and control characters.
       * @example GPT
       */
      name: string;
    };
    /**
     * NewCredit
     * @description Credit to give: to one user, to each member of a user group, or to all whom the budget counts.
     */
    NewCredit: {
      /**
       * User
       * @description The id of a user.
       * @example null
       */
      user?: string | null;
      /**
       * User Group
       * @description The id of a user group of Open WebUI.
       * @example null
       */
      user_group?: string | null;
      /**
       * Amount
       * @description In the budget's unit.
       * @example 20
       */
      amount: number | string;
      /**
       * Note
       * @default
       * @example Thesis
       */
      note?: string;
      /**
       * Expires At
       * @description From when on it holds no more; null: with the period that it is given in. Of a budget whose window moves it is needed: until then, the credit raises every window.
       * @example 2099-12-31T23:00:00Z
       */
      expires_at?: string | null;
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
      period?: 'total' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year';
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
     * NewOwnLimit
     * @description A limit to set for oneself; without a `limit` it is removed.
     */
    NewOwnLimit: {
      /**
       * Limit
       * @description In `unit`: whole tokens or requests, or US dollars up to 1000000000; null only counts.
       * @example 25
       */
      limit: number | string | null;
      /**
       * Name
       * @description Without slashes and control characters.
       * @default Own limit
       * @example GPT
       */
      name?: string;
      /**
       * Unit
       * @description What is counted.
       * @default tokens
       * @example usd
       * @enum {string}
       */
      unit?: 'tokens' | 'usd' | 'requests';
      /**
       * Period
       * @description How long the limit lasts before it begins anew.
       * @default month
       * @example month
       * @enum {string}
       */
      period?: 'day' | 'week' | 'month';
      /**
       * Timezone
       * @description Where days begin: a name of the IANA time zone database.
       * @default UTC
       * @example Europe/Berlin
       */
      timezone?: string;
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
     * OverrideBody
     * @description Another limit for one user, the members of one user group, or everybody with a role: one of the three.
     */
    OverrideBody: {
      /**
       * User
       * @description A user's id.
       * @example null
       */
      user?: string | null;
      /**
       * User Group
       * @description The id of a user group of Open WebUI.
       * @example 8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d
       */
      user_group?: string | null;
      /**
       * Role
       * @description A role of Open WebUI: `admin` or `user`.
       * @example null
       */
      role?: string | null;
      /**
       * Limit
       * @description In `unit`: whole tokens or requests, or US dollars up to 1000000000; null only counts.
       * @example 25
       */
      limit: number | string | null;
    };
    /**
     * OwnAccess
     * @description Who asks, and what that person may do: which pages there are to open.
     */
    OwnAccess: {
      user: components['schemas']['NamedValue'];
      /**
       * Admin
       * @description Whether groups, budgets, prices and all else may be changed.
       * @example false
       */
      admin: boolean;
      /**
       * Reports
       * @description Whose calls may be read.
       * @example own
       * @enum {string}
       */
      reports: 'everybody' | 'teams' | 'own';
    };
    /**
     * OwnLimit
     * @description A limit of one's own: nobody else sees it, and it refuses nothing.
     */
    OwnLimit: {
      /**
       * Name
       * @example Own limit
       */
      name: string;
      /**
       * Limit
       * @description In `unit`.
       * @example 10
       */
      limit: number;
      /**
       * Unit
       * @example usd
       * @enum {string}
       */
      unit: 'tokens' | 'usd' | 'requests';
      /**
       * Period
       * @example month
       * @enum {string}
       */
      period: 'day' | 'week' | 'month';
      /**
       * Timezone
       * @description Where days begin.
       * @example Europe/Berlin
       */
      timezone: string;
      /**
       * Used
       * @description In `unit`, of all models, in the current period.
       * @example 3.2
       */
      used: number;
      /**
       * Remaining
       * @description In `unit`.
       * @example 6.8
       */
      remaining: number;
      /**
       * Reached
       * @example false
       */
      reached: boolean;
      /**
       * Resets At
       * Format: date-time
       * @example 2026-11-30T23:00:00Z
       */
      resets_at: string;
    };
    /**
     * OwnLimitAnswer
     * @description Somebody's own limit.
     */
    OwnLimitAnswer: {
      /** @description Null where there is none. */
      limit: components['schemas']['OwnLimit'] | null;
    };
    /**
     * OwnUsage
     * @description What was used, and what is left.
     */
    OwnUsage: {
      /**
       * Budgets
       * @description The budgets that bind whoever asks.
       */
      budgets: components['schemas']['UsageBudgetStatus'][];
      /**
       * Groups
       * @description The groups that whoever asks may see, by name.
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
       * @description The budgets that bind whoever asks.
       */
      budgets: components['schemas']['UsageBudgetStatus'][];
      /**
       * Groups
       * @description The groups that whoever asks may see, by name.
       */
      groups: {
        [key: string]: components['schemas']['UsageGroup'];
      };
      /**
       * Models
       * @description The models by their ids.
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
     * Percentiles
     * @description In seconds, each within 5 %; null where no call tells.
     */
    Percentiles: {
      /**
       * P50
       * @example 2.1
       */
      p50: number | null;
      /**
       * P95
       * @example 9.4
       */
      p95: number | null;
      /**
       * P99
       * @example 21.8
       */
      p99: number | null;
    };
    /**
     * PeriodUsage
     * @description What the models of a group used in its current period.
     */
    PeriodUsage: {
      /**
       * In
       * @description Prompt tokens.
       * @example 1234
       */
      in: number;
      /**
       * Out
       * @description Tokens of answers and reasoning, by the group's `counting`.
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
      /** @description Null while the spool's folder does not answer. */
      ledger: components['schemas']['LedgerStatus'] | null;
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
       * @description The functions that this version of Open WebUI does not have.
       * @example []
       */
      missing: string[];
      /** Wrong Settings */
      wrong_settings: components['schemas']['WrongValue'][];
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
      /**
       * Checks
       * @description All of this in words, and more; what everything depends on comes first.
       */
      checks: components['schemas']['HealthCheck'][];
      /**
       * Versions
       * @description Of what runs.
       * @example {
       *       "Open WebUI": "0.12.4",
       *       "Python": "3.11.9",
       *       "openwebui-usage": "1.0.0"
       *     }
       */
      versions: {
        [key: string]: string;
      };
      /** @description Null while it does not answer. */
      database: components['schemas']['DatabaseStatus'] | null;
      /**
       * Errors
       * @description The last ones, the latest first.
       */
      errors: components['schemas']['RecentFailure'][];
    };
    /**
     * PreviewedBudget
     * @description A budget that does not exist, and the time to look at.
     */
    PreviewedBudget: {
      /**
       * Action
       * @description At the limit `block` refuses the next call, `warn` only shows it, `fallback` makes the call with `fallback_model`, `slow` lets it wait, and `effort` does no more than `effort_from` says.
       * @default block
       * @example block
       * @enum {string}
       */
      action?: 'block' | 'warn' | 'fallback' | 'slow' | 'effort';
      /**
       * Fallback Model
       * @description The model for the action `fallback`, by its id.
       * @example null
       */
      fallback_model?: string | null;
      /**
       * Slow Up To
       * @description The longest wait for the action `slow`, in seconds.
       * @default 30
       * @example 30
       */
      slow_up_to?: number;
      /**
       * Effort From
       * @description From which percent of the limit on models that reason do so with low effort; null: never.
       * @example null
       */
      effort_from?: number | null;
      /**
       * Strict
       * @description Whether a call is refused where its prompt alone, as estimated, does not fit into what is left.
       * @default false
       * @example false
       */
      strict?: boolean;
      /**
       * Cap Output
       * @description Whether an answer may be no longer than what is left.
       * @default false
       * @example false
       */
      cap_output?: boolean;
      /**
       * Carry Over
       * @description What of an unused remainder the next period begins with: `none`, `all`, or up to an amount in `unit`.
       * @default none
       * @example none
       */
      carry_over?: ('none' | 'all') | number;
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
       * @description How long the limit lasts before it begins anew: `total` (never), `hour`, `day`, `week`, `month`, `quarter`, `year`, some days from a date (`14 days from 2026-11-01`); or a window that moves with the time (`last 5 hours`, `last 30 days`), exact to a quarter of an hour, or `minute`: the last sixty seconds, of each model by itself.
       * @default total
       * @example month
       */
      period?: string;
      /**
       * Timezone
       * @description Where days begin: a name of the IANA time zone database.
       * @default UTC
       * @example Europe/Berlin
       */
      timezone?: string;
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
       * Overrides
       * @description Exceptions, where users are counted separately: the user's own wins, else one of the user's groups (see `several_groups`), else the role's; of several for the same, the first.
       * @default []
       * @example [
       *       {
       *         "limit": 30,
       *         "user_group": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d"
       *       }
       *     ]
       */
      overrides?: components['schemas']['OverrideBody'][];
      /**
       * Several Groups
       * @description Which exception holds for a member of several user groups that have one.
       * @default highest
       * @example highest
       * @enum {string}
       */
      several_groups?: 'highest' | 'lowest';
      /**
       * Name
       * @description Without slashes and control characters.
       * @example GPT
       */
      name: string;
      /**
       * From
       * @description A date or an instant of ISO 8601, rounded down to a quarter of an hour; by default, this month.
       * @example 2026-11-01
       */
      from?: string | null;
      /**
       * To
       * @description The same, not included, rounded up.
       * @example 2026-12-01
       */
      to?: string | null;
    };
    /**
     * PreviousUsage
     * @description The same sums for the time before, of as many months, days or hours.
     */
    PreviousUsage: {
      /**
       * From
       * Format: date-time
       * @example 2026-11-01T00:00:00+01:00
       */
      from: string;
      /**
       * To
       * Format: date-time
       * @example 2026-11-01T00:00:00+01:00
       */
      to: string;
      totals: components['schemas']['UsageSums'];
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
     * ProjectedUse
     * @description What will be used by `at`, in eight of ten cases from `low` to `high`.
     */
    ProjectedUse: {
      /**
       * At
       * Format: date-time
       * @description When the period ends; where it never does, when the month does.
       * @example 2026-11-30T23:00:00Z
       */
      at: string;
      /**
       * Low
       * @example 880000
       */
      low: number;
      /**
       * Expected
       * @example 912000
       */
      expected: number;
      /**
       * High
       * @example 944000
       */
      high: number;
    };
    /**
     * ReaderGroups
     * @description User groups whose members may read reports.
     */
    ReaderGroups: {
      /**
       * User Groups
       * @description By name or id.
       * @example [
       *       "Finance"
       *     ]
       */
      user_groups: string[];
      /**
       * Set By
       * @description `environment`: by a variable, which wins over what admins set here.
       * @example admins
       * @enum {string}
       */
      set_by: 'admins' | 'environment';
    };
    /**
     * Readers
     * @description Which user groups of Open WebUI may read reports. What is left out may not.
     */
    Readers: {
      /**
       * Of Everybody
       * @description User groups of Open WebUI, by name or id, whose members may read.
       * @default []
       * @example [
       *       "Finance"
       *     ]
       */
      of_everybody?: string[];
      /**
       * Of Own Groups
       * @description User groups of Open WebUI, by name or id, whose members may read.
       * @default []
       * @example [
       *       "Finance"
       *     ]
       */
      of_own_groups?: string[];
    };
    /**
     * ReadersChanged
     * @description Who may read reports now.
     */
    ReadersChanged: {
      /**
       * Status
       * @constant
       */
      status: true;
      readers: components['schemas']['UsageReaders'];
    };
    /**
     * RecentFailure
     * @description A warning or an error of the plugin in the log of this worker.
     */
    RecentFailure: {
      /**
       * At
       * Format: date-time
       * @description The last time.
       * @example 2026-11-30T23:00:00Z
       */
      at: string;
      /**
       * Level
       * @example warning
       */
      level: string;
      /**
       * Text
       * @example The webhook was not reached, a notice is tried again later: ConnectError
       */
      text: string;
      /**
       * Times
       * @description Since the start.
       * @example 1
       */
      times: number;
    };
    /**
     * RecordedSince
     * @description Since when this ledger knows what earlier versions did not record. Left out where it always did.
     */
    RecordedSince: {
      /**
       * User Group
       * Format: date-time
       * @example 2026-11-01T00:00:00+01:00
       */
      user_group?: string;
      /**
       * Connection
       * Format: date-time
       * @example 2026-11-01T00:00:00+01:00
       */
      connection?: string;
      /**
       * Kind
       * Format: date-time
       * @example 2026-11-01T00:00:00+01:00
       */
      kind?: string;
      /**
       * Key
       * Format: date-time
       * @example 2026-11-01T00:00:00+01:00
       */
      key?: string;
      /**
       * Cost Parts
       * Format: date-time
       * @description `cost_input` and the others beside `cost`.
       * @example 2026-11-01T00:00:00+01:00
       */
      cost_parts?: string;
      /**
       * Refused
       * Format: date-time
       * @example 2026-11-01T00:00:00+01:00
       */
      refused?: string;
    };
    /**
     * RefusalPreview
     * @description What a budget would have refused, had there been one.
     */
    RefusalPreview: {
      /**
       * From
       * Format: date-time
       * @description Included, in the time zone that was asked for.
       * @example 2026-11-01T00:00:00+00:00
       */
      from: string;
      /**
       * To
       * Format: date-time
       * @description Not included.
       * @example 2026-12-01T00:00:00+00:00
       */
      to: string;
      /**
       * Timezone
       * @example UTC
       */
      timezone: string;
      /**
       * Counted From
       * Format: date-time
       * @description When it would have begun to count: with the period that `from` lies in.
       * @example 2026-11-30T23:00:00Z
       */
      counted_from: string;
      /**
       * User Groups Since
       * @description Since when it is recorded who was in which user group; null: ever since.
       * @example 2026-11-14T08:00:00Z
       */
      user_groups_since: string | null;
      /**
       * Unit
       * @example tokens
       * @enum {string}
       */
      unit: 'tokens' | 'usd' | 'requests';
      /**
       * Refused
       * @description Most calls first.
       */
      refused: components['schemas']['RefusedPerson'][];
      /**
       * Calls
       * @description Calls of all these people.
       * @example 12
       */
      calls: number;
      /**
       * Amount
       * @description What all these calls used, in `unit`.
       * @example 34000
       */
      amount: number;
    };
    /**
     * RefusalReport
     * @description Who was refused, by what, how often.
     */
    RefusalReport: {
      /**
       * From
       * Format: date-time
       * @description Included, in the time zone that was asked for.
       * @example 2026-11-01T00:00:00+00:00
       */
      from: string;
      /**
       * To
       * Format: date-time
       * @description Not included.
       * @example 2026-12-01T00:00:00+00:00
       */
      to: string;
      /**
       * Timezone
       * @example UTC
       */
      timezone: string;
      /**
       * Refusals
       * @description Most calls first.
       */
      refusals: components['schemas']['Refusals'][];
    };
    /**
     * Refusals
     * @description The calls of one user for one model that one limit refused.
     */
    Refusals: {
      /** @description Null where nobody was signed in. */
      user: components['schemas']['NamedValue'] | null;
      /**
       * Model
       * @example gpt-4o
       */
      model: string;
      limit: components['schemas']['Limit'];
      /**
       * Unit
       * @example tokens
       * @enum {string}
       */
      unit: 'tokens' | 'usd' | 'requests';
      /**
       * Calls
       * @example 3
       */
      calls: number;
      /**
       * Amount
       * @description What they would probably have used, in `unit`.
       * @example 4200
       */
      amount: number;
      /**
       * First At
       * Format: date-time
       * @example 2026-11-30T23:00:00Z
       */
      first_at: string;
      /**
       * Last At
       * Format: date-time
       * @example 2026-11-30T23:00:00Z
       */
      last_at: string;
    };
    /**
     * RefusedPerson
     * @description Whom a budget would have refused.
     */
    RefusedPerson: {
      /** @description Null where nobody was signed in. */
      user: components['schemas']['NamedValue'] | null;
      /**
       * First At
       * Format: date-time
       * @example 2026-11-30T23:00:00Z
       */
      first_at: string;
      /**
       * Calls
       * @description Calls that would have been refused.
       * @example 12
       */
      calls: number;
      /**
       * Amount
       * @description What those calls used, in `unit`.
       * @example 34000
       */
      amount: number;
    };
    /**
     * ReportsStatus
     * @description How far the background work is that makes reports fast. They are exact at any time.
     */
    ReportsStatus: {
      /**
       * Folded Until
       * @description Up to when the sums of hours, days and months are made; null before the first.
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
     * RoleOverride
     * @description Another limit for each user with a role.
     */
    RoleOverride: {
      /**
       * Limit
       * @description In the budget's `unit`; null for no limit.
       * @example 50
       */
      limit: number | null;
      /**
       * Role
       * @example admin
       */
      role: string;
    };
    /**
     * SavedView
     * @description What a page showed.
     */
    SavedView: {
      /**
       * Name
       * @example Cost by model
       */
      name: string;
      /**
       * Page
       * @description Which page it is of.
       * @example overview
       */
      page: string;
      /**
       * State
       * @description The query of its address, without the question mark.
       * @example range=month&group=model
       */
      state: string;
      /**
       * Shared
       * @description Whether all who read reports of everybody see it.
       * @example false
       */
      shared: boolean;
      /**
       * Author
       * @description The name of whoever saved it last.
       * @example Ada
       */
      author: string;
      /**
       * Is Own
       * @description Whether that is whoever asks.
       * @example true
       */
      is_own: boolean;
      /**
       * Saved At
       * Format: date-time
       * @example 2026-11-30T23:00:00Z
       */
      saved_at: string;
    };
    /**
     * SavedViews
     * @description The views that somebody may open.
     */
    SavedViews: {
      /**
       * Views
       * @description By name.
       */
      views: components['schemas']['SavedView'][];
    };
    /**
     * ScopeBody
     * @description Whom a budget binds.
     */
    ScopeBody: {
      /**
       * Kind
       * @description Everyone together, each user alone, one user, a user group or everybody with a role together, or each of them alone.
       * @example each_user
       * @enum {string}
       */
      kind: 'everyone' | 'each_user' | 'user' | 'group' | 'each_user_of_group' | 'role' | 'each_user_of_role';
      /**
       * Id
       * @description Of the user or of Open WebUI's user group, or the name of the role, for the kinds that name one.
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
       * @description Prompt tokens.
       * @example 1234
       */
      in: number;
      /**
       * Out
       * @description Tokens of answers and reasoning, by the group's `counting`.
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
     * TypicalEffortUse
     * @description Of the answers of a model at one effort: first quartile, median, third quartile.
     */
    TypicalEffortUse: {
      /**
       * Calls
       * @description That this is known from.
       * @example 57
       */
      calls: number;
      /**
       * Tokens
       * @description Generated and billed, reasoning among them.
       * @example [
       *       2900,
       *       4100,
       *       6300
       *     ]
       */
      tokens: number[];
      /**
       * Out
       * @description The same as groups of documented counting count it.
       * @example [
       *       2900,
       *       4100,
       *       6300
       *     ]
       */
      out: number[];
      /**
       * Cost
       * @description US dollars: of the answer alone where the model has a `prompt_price`, else of the whole call; null where it is not known.
       * @example [
       *       0.0215,
       *       0.0312,
       *       0.0498
       *     ]
       */
      cost: number[] | null;
    };
    /**
     * TypicalModelUse
     * @description Of the answers of a model.
     */
    TypicalModelUse: {
      /**
       * Prompt Price
       * @description Nano-dollars for a prompt token that comes from no cache; null where that is not known.
       * @example 2500
       */
      prompt_price: number | null;
      /**
       * Efforts
       * @description By the effort that was sent to the provider; empty text where none was. Those with at least 8 calls in 30 days.
       */
      efforts: {
        [key: string]: components['schemas']['TypicalEffortUse'];
      };
    };
    /**
     * TypicalUsage
     * @description What a message typically uses, from everybody's latest calls.
     */
    TypicalUsage: {
      /**
       * Shown
       * @description False while an admin has switched it off (`show_typical`); then nothing is told.
       * @example true
       */
      shown: boolean;
      /**
       * Models
       * @description By the id that the provider is asked for, which is the `base` of a workspace model: what whoever asks can use, those with the most calls first.
       */
      models: {
        [key: string]: components['schemas']['TypicalModelUse'];
      };
    };
    /**
     * UnlimitedBudgetUse
     * @description What is used of a budget that has no limit.
     */
    UnlimitedBudgetUse: {
      /**
       * Name
       * @description The name of the budget.
       * @example Interns
       */
      name: string;
      /** @description Whose sum it is; null where several share it. Of a budget that counts users separately, whoever used the most. */
      user: components['schemas']['NamedValue'] | null;
      /**
       * Unit
       * @example usd
       * @enum {string}
       */
      unit: 'tokens' | 'usd' | 'requests';
      /**
       * Used
       * @description What is used in the current period.
       * @example 12.5
       */
      used: number;
      /**
       * Resets At
       * @description When the next period begins, or a window that moves has room again; null where this one never ends, and for a window that has room.
       * @example 2026-11-30T23:00:00Z
       */
      resets_at: string | null;
    };
    /**
     * UnpricedCalls
     * @description Calls of one model that nobody knows the price of.
     */
    UnpricedCalls: {
      /**
       * Model
       * @description The id that the provider was asked for.
       * @example my-own-llama
       */
      model: string;
      /**
       * Calls
       * @example 120
       */
      calls: number;
      /**
       * Input
       * @description All prompt tokens.
       * @example 84000
       */
      input: number;
      /**
       * Cached Input
       * @description Of `input`, those that came from a cache.
       * @example 0
       */
      cached_input: number;
      /**
       * Cache Write
       * @description Of `input`, those that were written to a cache.
       * @example 0
       */
      cache_write: number;
      /**
       * Output
       * @description Tokens of answer and reasoning.
       * @example 31000
       */
      output: number;
    };
    /**
     * UnusualUsage
     * @description Who used far more than usual.
     */
    UnusualUsage: {
      /**
       * From
       * Format: date-time
       * @description Where the last 24 hours begin.
       * @example 2026-11-30T23:00:00Z
       */
      from: string;
      /**
       * To
       * Format: date-time
       * @description Where they end.
       * @example 2026-11-30T23:00:00Z
       */
      to: string;
      /**
       * Days
       * @description That were looked at before.
       * @example 30
       */
      days: number;
      /**
       * Users
       * @description Those furthest beyond their usual day first.
       */
      users: components['schemas']['UnusualUse'][];
    };
    /**
     * UnusualUse
     * @description Somebody whose last day is far beyond their own usual one.
     */
    UnusualUse: {
      user: components['schemas']['NamedValue'];
      /**
       * Calls
       * @description In the last 24 hours.
       * @example 310
       */
      calls: number;
      /**
       * Unusual
       * @description What is beyond its threshold.
       * @example [
       *       "cost",
       *       "tokens"
       *     ]
       */
      unusual: ('cost' | 'tokens')[];
      cost: components['schemas']['ComparedCost'];
      tokens: components['schemas']['ComparedTokens'];
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
       */
      period: string;
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
      action: 'block' | 'warn' | 'fallback' | 'slow' | 'effort';
      /**
       * Fallback Model
       * @description With which model calls are made at the limit, for the action `fallback`.
       * @example null
       */
      fallback_model: string | null;
      /**
       * Slow Up To
       * @description The longest wait for the action `slow`, in seconds.
       * @example 30
       */
      slow_up_to: number;
      /**
       * Effort From
       * @description From which percent of the limit on models reason with low effort; null: never.
       * @example null
       */
      effort_from: number | null;
      /**
       * Strict
       * @description Whether a call is refused where its prompt alone does not fit into what is left.
       * @example false
       */
      strict: boolean;
      /**
       * Cap Output
       * @description Whether an answer may be no longer than what is left.
       * @example false
       */
      cap_output: boolean;
      /**
       * Carry Over
       * @description What of an unused remainder the next period begins with, at most; an amount is in `unit`.
       * @example none
       */
      carry_over: ('none' | 'all') | number;
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
      /**
       * Overrides
       * @description Exceptions: other limits for some of those it counts.
       * @example [
       *       {
       *         "limit": 30,
       *         "user_group": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d"
       *       }
       *     ]
       */
      overrides: (
        | components['schemas']['UserOverride']
        | components['schemas']['UserGroupOverride']
        | components['schemas']['RoleOverride']
      )[];
      /**
       * Reset At
       * @description When its counters were last set to zero; calls that began before count no more.
       * @example null
       */
      reset_at: string | null;
      /**
       * Several Groups
       * @description Which exception holds for a member of several user groups that have one.
       * @example highest
       * @enum {string}
       */
      several_groups: 'highest' | 'lowest';
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
       * @description `own`: a limit that whoever asks has set for themselves.
       * @example each_user
       */
      scope:
        | ('everyone' | 'each_user' | 'user' | 'group' | 'each_user_of_group' | 'role' | 'each_user_of_role')
        | 'own';
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
       * @description What is used in the current period, in `unit`.
       * @example 3
       */
      used: number;
      /**
       * Remaining
       * @description What is left, in `unit`; null where there is no limit.
       * @example 197
       */
      remaining: number | null;
      /**
       * Period
       * @example day
       */
      period: string;
      /**
       * Resets At
       * @description When the next period begins, or a window that moves has room again; null where this one never ends, and for a window that has room.
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
      action: 'block' | 'warn' | 'fallback' | 'slow' | 'effort';
      /**
       * Fallback Model
       * @description With which model calls are made at the limit, where whoever asks may use it.
       * @example null
       */
      fallback_model: string | null;
      /**
       * Wait Seconds
       * @description How long each call waits at the moment.
       * @example 0
       */
      wait_seconds: number;
      /**
       * Low Effort
       * @description Whether models reason with low effort at the moment.
       * @example false
       */
      low_effort: boolean;
      /**
       * Limit From
       * @description Whether `limit` is the budget's own, or an exception for the user, a user group or a role.
       * @example budget
       * @enum {string}
       */
      limit_from: 'budget' | 'user' | 'user_group' | 'role';
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
     * UsageCall
     * @description One call of a model.
     */
    UsageCall: {
      /**
       * Id
       * @description Grows with time.
       * @example 18d63c1f0a4b2c009f31c0de5a7b6c1d
       */
      id: string;
      /**
       * Started At
       * Format: date-time
       * @example 2026-11-01T00:00:00+01:00
       */
      started_at: string;
      /**
       * User
       * @description `none` or `not recorded` where there is nothing to name.
       * @example {
       *       "id": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d",
       *       "name": "Ada"
       *     }
       */
      user: components['schemas']['NamedValue'] | string;
      /**
       * User Groups
       * @description Open WebUI's, that the user was in then; or `not recorded`.
       * @example [
       *       {
       *         "id": "3d1f2a7b",
       *         "name": "Sales"
       *       }
       *     ]
       */
      user_groups: components['schemas']['NamedValue'][] | string;
      /**
       * Model
       * @description The id that was asked for.
       * @example helper
       */
      model: string;
      /**
       * Called Model
       * @description The id that answered: of a workspace model its base.
       * @example gpt-4o
       */
      called_model: string;
      /**
       * Connection
       * @description `none` or `not recorded` where there is nothing to name.
       * @example {
       *       "id": "openai:https://api.openai.com/v1",
       *       "name": "https://api.openai.com/v1"
       *     }
       */
      connection: components['schemas']['NamedValue'] | string;
      /**
       * Kind
       * @description `none` and `not recorded` stand for themselves.
       * @example chat
       */
      kind: string;
      /**
       * Key
       * @description The API key that it came in with, as it may be shown.
       * @example none
       */
      key: string;
      /**
       * Task
       * @description What Open WebUI called the model for, where by itself.
       * @example null
       */
      task: string | null;
      /**
       * Path
       * @description The route that it came in by.
       * @example /api/chat/completions
       */
      path: string | null;
      /**
       * Usage Groups
       * @description Names of the usage groups that held the model then.
       * @example [
       *       "GPT"
       *     ]
       */
      usage_groups: string[];
      /**
       * In
       * @description Prompt tokens.
       * @example 1234
       */
      in: number;
      /**
       * Out
       * @description Completion and reasoning tokens, as the provider reported them.
       * @example 567
       */
      out: number;
      /**
       * Total
       * @description `in` and `out` together.
       * @example 1801
       */
      total: number;
      /**
       * Cached
       * @description Prompt tokens that came from a cache.
       * @example 1024
       */
      cached: number;
      /**
       * Cache Write
       * @description Prompt tokens that were written to a cache.
       * @example 0
       */
      cache_write: number;
      /**
       * Completion
       * @description Completion tokens, as the provider reported them.
       * @example 300
       */
      completion: number;
      /**
       * Reasoning
       * @description Reasoning tokens, as the provider reported them.
       * @example 267
       */
      reasoning: number;
      /**
       * Billed
       * @description All tokens that were billed, each once.
       * @example 1534
       */
      billed: number;
      /**
       * Cost
       * @description In US dollars; null where that is not known.
       * @example 0.0044
       */
      cost: number | null;
      /**
       * Cost Input
       * @description The part of `cost` for uncached prompt tokens.
       * @example 0.0005
       */
      cost_input: number | null;
      /**
       * Cost Cached
       * @description The part of `cost` for cached prompt tokens.
       * @example 0.0009
       */
      cost_cached: number | null;
      /**
       * Cost Cache Write
       * @description The part of `cost` for writing to a cache.
       * @example 0
       */
      cost_cache_write: number | null;
      /**
       * Cost Output
       * @description The part of `cost` for the answer.
       * @example 0.003
       */
      cost_output: number | null;
      /**
       * Cost Source
       * @description Who knew the price.
       * @example genai-prices
       */
      cost_source: string | null;
      /**
       * Price Version
       * @description The version of the public price list.
       * @example 0.2.3
       */
      price_version: string | null;
      /**
       * First Token After
       * @description Seconds; null where that was not seen.
       * @example 0.41
       */
      first_token_after: number | null;
      /**
       * Thinking
       * @description Seconds from the first thought to the answer.
       * @example 3.2
       */
      thinking: number | null;
      /**
       * Duration
       * @description Seconds.
       * @example 7.5
       */
      duration: number;
      /**
       * Outcome
       * @description `done`, `stopped` or `error`.
       * @example done
       */
      outcome: string;
      /**
       * Error
       * @description What kind of error it ended with.
       * @example null
       */
      error: string | null;
      /**
       * Effort
       * @description How hard the model was asked to think, as it was sent: a level, `8192 tokens`, `on` or `none`; null where the model decided.
       * @example high
       */
      effort: string | null;
      /**
       * Estimated
       * @description The provider never told what it used.
       * @example false
       */
      estimated: boolean;
      /**
       * Unverified
       * @description Only the browser saw the provider (a direct connection): it is in no total and no report.
       * @example false
       */
      unverified: boolean;
      /**
       * Chat Id
       * @example null
       */
      chat_id: string | null;
      /**
       * Message Id
       * @example null
       */
      message_id: string | null;
    };
    /**
     * UsageCallDetails
     * @description All that is known of one call.
     */
    UsageCallDetails: {
      /**
       * Id
       * @description Grows with time.
       * @example 18d63c1f0a4b2c009f31c0de5a7b6c1d
       */
      id: string;
      /**
       * Started At
       * Format: date-time
       * @example 2026-11-01T00:00:00+01:00
       */
      started_at: string;
      /**
       * User
       * @description `none` or `not recorded` where there is nothing to name.
       * @example {
       *       "id": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d",
       *       "name": "Ada"
       *     }
       */
      user: components['schemas']['NamedValue'] | string;
      /**
       * User Groups
       * @description Open WebUI's, that the user was in then; or `not recorded`.
       * @example [
       *       {
       *         "id": "3d1f2a7b",
       *         "name": "Sales"
       *       }
       *     ]
       */
      user_groups: components['schemas']['NamedValue'][] | string;
      /**
       * Model
       * @description The id that was asked for.
       * @example helper
       */
      model: string;
      /**
       * Called Model
       * @description The id that answered: of a workspace model its base.
       * @example gpt-4o
       */
      called_model: string;
      /**
       * Connection
       * @description `none` or `not recorded` where there is nothing to name.
       * @example {
       *       "id": "openai:https://api.openai.com/v1",
       *       "name": "https://api.openai.com/v1"
       *     }
       */
      connection: components['schemas']['NamedValue'] | string;
      /**
       * Kind
       * @description `none` and `not recorded` stand for themselves.
       * @example chat
       */
      kind: string;
      /**
       * Key
       * @description The API key that it came in with, as it may be shown.
       * @example none
       */
      key: string;
      /**
       * Task
       * @description What Open WebUI called the model for, where by itself.
       * @example null
       */
      task: string | null;
      /**
       * Path
       * @description The route that it came in by.
       * @example /api/chat/completions
       */
      path: string | null;
      /**
       * Usage Groups
       * @description Names of the usage groups that held the model then.
       * @example [
       *       "GPT"
       *     ]
       */
      usage_groups: string[];
      /**
       * In
       * @description Prompt tokens.
       * @example 1234
       */
      in: number;
      /**
       * Out
       * @description Completion and reasoning tokens, as the provider reported them.
       * @example 567
       */
      out: number;
      /**
       * Total
       * @description `in` and `out` together.
       * @example 1801
       */
      total: number;
      /**
       * Cached
       * @description Prompt tokens that came from a cache.
       * @example 1024
       */
      cached: number;
      /**
       * Cache Write
       * @description Prompt tokens that were written to a cache.
       * @example 0
       */
      cache_write: number;
      /**
       * Completion
       * @description Completion tokens, as the provider reported them.
       * @example 300
       */
      completion: number;
      /**
       * Reasoning
       * @description Reasoning tokens, as the provider reported them.
       * @example 267
       */
      reasoning: number;
      /**
       * Billed
       * @description All tokens that were billed, each once.
       * @example 1534
       */
      billed: number;
      /**
       * Cost
       * @description In US dollars; null where that is not known.
       * @example 0.0044
       */
      cost: number | null;
      /**
       * Cost Input
       * @description The part of `cost` for uncached prompt tokens.
       * @example 0.0005
       */
      cost_input: number | null;
      /**
       * Cost Cached
       * @description The part of `cost` for cached prompt tokens.
       * @example 0.0009
       */
      cost_cached: number | null;
      /**
       * Cost Cache Write
       * @description The part of `cost` for writing to a cache.
       * @example 0
       */
      cost_cache_write: number | null;
      /**
       * Cost Output
       * @description The part of `cost` for the answer.
       * @example 0.003
       */
      cost_output: number | null;
      /**
       * Cost Source
       * @description Who knew the price.
       * @example genai-prices
       */
      cost_source: string | null;
      /**
       * Price Version
       * @description The version of the public price list.
       * @example 0.2.3
       */
      price_version: string | null;
      /**
       * First Token After
       * @description Seconds; null where that was not seen.
       * @example 0.41
       */
      first_token_after: number | null;
      /**
       * Thinking
       * @description Seconds from the first thought to the answer.
       * @example 3.2
       */
      thinking: number | null;
      /**
       * Duration
       * @description Seconds.
       * @example 7.5
       */
      duration: number;
      /**
       * Outcome
       * @description `done`, `stopped` or `error`.
       * @example done
       */
      outcome: string;
      /**
       * Error
       * @description What kind of error it ended with.
       * @example null
       */
      error: string | null;
      /**
       * Effort
       * @description How hard the model was asked to think, as it was sent: a level, `8192 tokens`, `on` or `none`; null where the model decided.
       * @example high
       */
      effort: string | null;
      /**
       * Estimated
       * @description The provider never told what it used.
       * @example false
       */
      estimated: boolean;
      /**
       * Unverified
       * @description Only the browser saw the provider (a direct connection): it is in no total and no report.
       * @example false
       */
      unverified: boolean;
      /**
       * Chat Id
       * @example null
       */
      chat_id: string | null;
      /**
       * Message Id
       * @example null
       */
      message_id: string | null;
      /**
       * Raw Usage
       * @description What the provider said of its usage, word for word; null where it said nothing, or where that was removed after OPENWEBUI_USAGE_KEEP_RAW_USAGE.
       * @example {
       *       "completion_tokens": 300,
       *       "prompt_tokens": 1234
       *     }
       */
      raw_usage: unknown;
      /**
       * Groups
       * @description The usage groups that counted it and are still there.
       */
      groups: components['schemas']['CallLimit'][];
      /**
       * Budgets
       * @description The budgets that count such a call, as they are today; null for those who are no admins.
       */
      budgets: components['schemas']['CallLimit'][] | null;
    };
    /**
     * UsageCalls
     * @description A page of calls, newest first.
     */
    UsageCalls: {
      /** Calls */
      calls: components['schemas']['UsageCall'][];
      /**
       * Next
       * @description Give it as `before` for the next page; null at the end. A page may be short and not the last.
       * @example 18d63c1f0a4b2c009f31c0de5a7b6c1d
       */
      next: string | null;
    };
    /**
     * UsageChats
     * @description The most expensive chats, the greatest cost first.
     */
    UsageChats: {
      /**
       * From
       * Format: date-time
       * @description As it was used.
       * @example 2026-11-01T00:00:00+01:00
       */
      from: string;
      /**
       * To
       * Format: date-time
       * @description As it was used; not included.
       * @example 2026-11-01T00:00:00+01:00
       */
      to: string;
      /**
       * Timezone
       * @example Europe/Berlin
       */
      timezone: string;
      /** Chats */
      chats: components['schemas']['ChatUsage'][];
      /**
       * Unverified Calls
       * @description Calls that only the browser saw (direct connections): they are in no chat and no report.
       * @example 0
       */
      unverified_calls: number;
    };
    /**
     * UsageCostCenter
     * @description Who pays for the members of a user group.
     */
    UsageCostCenter: {
      /**
       * User Group
       * @description The group's id.
       * @example 3d1f2a7b
       */
      user_group: string;
      /**
       * Cost Center
       * @example 4711
       */
      cost_center: string;
    };
    /**
     * UsageCostCenters
     * @description All that are set.
     */
    UsageCostCenters: {
      /** Cost Centers */
      cost_centers: components['schemas']['UsageCostCenter'][];
    };
    /**
     * UsageCredit
     * @description A top-up.
     */
    UsageCredit: {
      /**
       * Id
       * @example 18c5f0a1b2c3d4e5f60718293a4b5c6d
       */
      id: string;
      /**
       * Budget
       * @example Fair share
       */
      budget: string;
      /**
       * User
       * @description The id of the one user that may use it.
       * @example null
       */
      user: string | null;
      /**
       * User Group
       * @description The id of the user group whose members may use it, each the whole of it.
       * @example null
       */
      user_group: string | null;
      /**
       * Amount
       * @description In the budget's unit.
       * @example 20
       */
      amount: number;
      /**
       * Note
       * @example Thesis
       */
      note: string;
      /**
       * Created At
       * Format: date-time
       * @example 2026-11-30T23:00:00Z
       */
      created_at: string;
      /**
       * Created By
       * @description The name of the admin.
       * @example Ada
       */
      created_by: string | null;
      /**
       * Expires At
       * @description From when on it holds no more; null: with the period that it was given in.
       * @example null
       */
      expires_at: string | null;
      /**
       * Active
       * @description Whether it holds at the moment.
       * @example true
       */
      active: boolean;
    };
    /**
     * UsageCredits
     * @description All that were given for a budget, the newest first.
     */
    UsageCredits: {
      /** Credits */
      credits: components['schemas']['UsageCredit'][];
    };
    /**
     * UsageForecast
     * @description When one limit will be reached. Amounts are in its unit.
     */
    UsageForecast: {
      /**
       * Name
       * @description The name of the group or budget.
       * @example GPT
       */
      name: string;
      /**
       * Kind
       * @example group
       * @enum {string}
       */
      kind: 'group' | 'budget';
      /** @description Whose limit it is; null where several share it. Of a budget that counts users separately, those who used the most have an entry each. */
      user: components['schemas']['NamedValue'] | null;
      /**
       * Unit
       * @example tokens
       * @enum {string}
       */
      unit: 'tokens' | 'usd' | 'requests';
      /**
       * Used
       * @description What is used in the current period.
       * @example 540000
       */
      used: number;
      /**
       * Limit
       * @example 1000000
       */
      limit: number;
      /**
       * Period
       * @example month
       */
      period: string;
      /**
       * Resets At
       * @description When the next period begins, or a window that moves has room again; null where this one never ends, and for a window that has room.
       * @example 2026-11-30T23:00:00Z
       */
      resets_at: string | null;
      /**
       * Pace
       * @description Per day; null where not one whole day is known.
       * @example 31000.5
       */
      pace: number | null;
      /** @description Null without a pace. */
      projection: components['schemas']['ProjectedUse'] | null;
      /**
       * Reached At
       * @description When the limit is reached at this pace, now where it is reached; null where it is not, in this period or in ten years of one that never ends.
       * @example 2026-11-29T17:20:00Z
       */
      reached_at: string | null;
      /**
       * Reason
       * @description Why there is no pace.
       * @example null
       */
      reason: 'no_history' | null;
    };
    /**
     * UsageForecasts
     * @description When limits will be reached.
     */
    UsageForecasts: {
      /**
       * Forecasts
       * @description In the order in which the limits will be reached.
       */
      forecasts: components['schemas']['UsageForecast'][];
      /**
       * Unlimited
       * @description What is used of budgets without a limit; none of your own.
       */
      unlimited?: components['schemas']['UnlimitedBudgetUse'][];
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
      /** @description The same counts for all periods together. */
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
      period: 'total' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year';
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
       * @description When the next period begins, or a window that moves has room again; null where this one never ends, and for a window that has room.
       * @example 2026-11-30T23:00:00Z
       */
      resets_at: string | null;
      /**
       * Remaining
       * @description What is left of `limit`; null where there is none.
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
     * UsageJournal
     * @description A page of the journal, the newest first.
     */
    UsageJournal: {
      /** Entries */
      entries: components['schemas']['JournalEntry'][];
      /**
       * Next
       * @description `before` of the next page; null where this is the last.
       * @example null
       */
      next: string | null;
    };
    /**
     * UsageLatency
     * @description How long calls took that did not end with an error.
     */
    UsageLatency: {
      /** @description From the request to the end of the answer. */
      duration: components['schemas']['Percentiles'];
      /** @description From the request to the first token of a stream. */
      time_to_first_token: components['schemas']['Percentiles'];
      /**
       * From
       * @description Not from the calls one by one.
       * @example histogram
       * @constant
       */
      from: 'histogram';
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
       * @description The price of prompt tokens.
       * @example 2.5
       */
      input: number;
      /**
       * Output
       * @description The price of tokens of answers and reasoning.
       * @example 10
       */
      output: number;
      /**
       * Cached Input
       * @description The price of prompt tokens that came from a cache; null: as `input`.
       * @example 1.25
       */
      cached_input: number | null;
      /**
       * Cache Write
       * @description The price of prompt tokens that were written to a cache; null: as `input`.
       * @example null
       */
      cache_write: number | null;
      /**
       * Request
       * @description What each request costs beside its tokens.
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
    /**
     * UsageReaders
     * @description Who may read reports beside admins.
     */
    UsageReaders: {
      /** @description Their members read reports of everybody. */
      of_everybody: components['schemas']['ReaderGroups'];
      /** @description Their members read reports of the members of the user groups that they are in themselves. */
      of_own_groups: components['schemas']['ReaderGroups'];
    };
    /**
     * UsageReport
     * @description A report. Where no call was, there is no row.
     */
    UsageReport: {
      /**
       * From
       * Format: date-time
       * @description Where the time begins, as it was understood.
       * @example 2026-11-01T00:00:00+01:00
       */
      from: string;
      /**
       * To
       * Format: date-time
       * @description Where the time ends, as it was understood; not included.
       * @example 2026-11-01T00:00:00+01:00
       */
      to: string;
      /**
       * Timezone
       * @example Europe/Berlin
       */
      timezone: string;
      /**
       * Bucket
       * @example day
       * @enum {string}
       */
      bucket: 'none' | '15m' | 'hour' | 'day' | 'week' | 'month';
      /**
       * Group By
       * @example [
       *       "user",
       *       "model"
       *     ]
       */
      group_by: (
        | 'user'
        | 'user_group'
        | 'model'
        | 'called_model'
        | 'connection'
        | 'usage_group'
        | 'kind'
        | 'key'
        | 'outcome'
      )[];
      /**
       * Rows
       * @description In order of time, then the greatest group first and `Other` last.
       */
      rows: components['schemas']['UsageReportRow'][];
      /** @description Sums of all calls that were asked for, each once. */
      totals: components['schemas']['UsageReportTotals'];
      /** @description Only with `compare=previous`. */
      previous?: components['schemas']['PreviousUsage'] | null;
      recorded_since: components['schemas']['RecordedSince'];
      /**
       * Complete
       * @description False while calls of this time are still brought into reports, after an upgrade: sums grow until `GET /api/usage/health` says that all are there.
       * @example true
       */
      complete: boolean;
    };
    /**
     * UsageReportRow
     * @description One group of calls in one part of the time. Of the dimensions it has those that were asked for.
     */
    UsageReportRow: {
      /**
       * Calls
       * @example 3
       */
      calls: number;
      /**
       * In
       * @description Prompt tokens.
       * @example 1234
       */
      in: number;
      /**
       * Out
       * @description Completion and reasoning tokens, as the providers reported them.
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
       * Cache Write
       * @description Prompt tokens that were written to a cache.
       * @example 0
       */
      cache_write: number;
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
       * Cost
       * @description In US dollars, of the calls whose price is known.
       * @example 0.0331
       */
      cost: number;
      /**
       * Cost Input
       * @description The part of `cost` for uncached prompt tokens.
       * @example 0.0005
       */
      cost_input: number;
      /**
       * Cost Cached
       * @description The part of `cost` for cached prompt tokens.
       * @example 0.0013
       */
      cost_cached: number;
      /**
       * Cost Cache Write
       * @description The part of `cost` for writing to caches.
       * @example 0
       */
      cost_cache_write: number;
      /**
       * Cost Output
       * @description The part of `cost` for answers.
       * @example 0.03
       */
      cost_output: number;
      /**
       * Unpriced Calls
       * @description Calls whose price nobody knows: they are not in `cost`.
       * @example 0
       */
      unpriced_calls: number;
      /**
       * Estimated Calls
       * @description Calls whose provider never told what they used.
       * @example 0
       */
      estimated_calls: number;
      /**
       * Errors
       * @description Calls that ended with an error.
       * @example 0
       */
      errors: number;
      /**
       * Refused
       * @description Calls that a limit refused. They are not among `calls`.
       * @example 0
       */
      refused: number;
      /**
       * Start
       * Format: date-time
       * @description Where this part of the time begins.
       * @example 2026-11-01T00:00:00+01:00
       */
      start: string;
      /**
       * User
       * @description `none`, `not recorded` or `Other` where there is nothing to name.
       * @example {
       *       "id": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d",
       *       "name": "Ada"
       *     }
       */
      user?: components['schemas']['NamedValue'] | string;
      /**
       * User Group
       * @description `none`, `not recorded` or `Other` where there is nothing to name.
       * @example {
       *       "id": "3d1f2a7b",
       *       "name": "Sales"
       *     }
       */
      user_group?: components['schemas']['NamedValue'] | string;
      /**
       * Model
       * @description `none`, `not recorded` and `Other` stand for themselves.
       * @example gpt-4o
       */
      model?: string;
      /**
       * Called Model
       * @description `none`, `not recorded` and `Other` stand for themselves.
       * @example gpt-4o
       */
      called_model?: string;
      /**
       * Connection
       * @description `none`, `not recorded` or `Other` where there is nothing to name.
       * @example {
       *       "id": "5b0c",
       *       "name": "https://api.openai.com/v1"
       *     }
       */
      connection?: components['schemas']['NamedValue'] | string;
      /**
       * Usage Group
       * @description `none`, `not recorded` and `Other` stand for themselves.
       * @example GPT
       */
      usage_group?: string;
      /**
       * Kind
       * @description `none`, `not recorded` and `Other` stand for themselves.
       * @example chat
       */
      kind?: string;
      /**
       * Key
       * @description `none`, `not recorded` and `Other` stand for themselves.
       * @example none
       */
      key?: string;
      /**
       * Outcome
       * @description `none`, `not recorded` and `Other` stand for themselves.
       * @example done
       */
      outcome?: string;
      /** @description Only with `latency=true`. */
      latency?: components['schemas']['UsageLatency'] | null;
    };
    /**
     * UsageReportTotals
     * @description What all calls come to.
     */
    UsageReportTotals: {
      /**
       * Calls
       * @example 3
       */
      calls: number;
      /**
       * In
       * @description Prompt tokens.
       * @example 1234
       */
      in: number;
      /**
       * Out
       * @description Completion and reasoning tokens, as the providers reported them.
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
       * Cache Write
       * @description Prompt tokens that were written to a cache.
       * @example 0
       */
      cache_write: number;
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
       * Cost
       * @description In US dollars, of the calls whose price is known.
       * @example 0.0331
       */
      cost: number;
      /**
       * Cost Input
       * @description The part of `cost` for uncached prompt tokens.
       * @example 0.0005
       */
      cost_input: number;
      /**
       * Cost Cached
       * @description The part of `cost` for cached prompt tokens.
       * @example 0.0013
       */
      cost_cached: number;
      /**
       * Cost Cache Write
       * @description The part of `cost` for writing to caches.
       * @example 0
       */
      cost_cache_write: number;
      /**
       * Cost Output
       * @description The part of `cost` for answers.
       * @example 0.03
       */
      cost_output: number;
      /**
       * Unpriced Calls
       * @description Calls whose price nobody knows: they are not in `cost`.
       * @example 0
       */
      unpriced_calls: number;
      /**
       * Estimated Calls
       * @description Calls whose provider never told what they used.
       * @example 0
       */
      estimated_calls: number;
      /**
       * Errors
       * @description Calls that ended with an error.
       * @example 0
       */
      errors: number;
      /**
       * Refused
       * @description Calls that a limit refused. They are not among `calls`.
       * @example 0
       */
      refused: number;
      /** @description Only with `latency=true`. */
      latency?: components['schemas']['UsageLatency'] | null;
    };
    /**
     * UsageSums
     * @description What calls come to.
     */
    UsageSums: {
      /**
       * Calls
       * @example 3
       */
      calls: number;
      /**
       * In
       * @description Prompt tokens.
       * @example 1234
       */
      in: number;
      /**
       * Out
       * @description Completion and reasoning tokens, as the providers reported them.
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
       * Cache Write
       * @description Prompt tokens that were written to a cache.
       * @example 0
       */
      cache_write: number;
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
       * Cost
       * @description In US dollars, of the calls whose price is known.
       * @example 0.0331
       */
      cost: number;
      /**
       * Cost Input
       * @description The part of `cost` for uncached prompt tokens.
       * @example 0.0005
       */
      cost_input: number;
      /**
       * Cost Cached
       * @description The part of `cost` for cached prompt tokens.
       * @example 0.0013
       */
      cost_cached: number;
      /**
       * Cost Cache Write
       * @description The part of `cost` for writing to caches.
       * @example 0
       */
      cost_cache_write: number;
      /**
       * Cost Output
       * @description The part of `cost` for answers.
       * @example 0.03
       */
      cost_output: number;
      /**
       * Unpriced Calls
       * @description Calls whose price nobody knows: they are not in `cost`.
       * @example 0
       */
      unpriced_calls: number;
      /**
       * Estimated Calls
       * @description Calls whose provider never told what they used.
       * @example 0
       */
      estimated_calls: number;
      /**
       * Errors
       * @description Calls that ended with an error.
       * @example 0
       */
      errors: number;
      /**
       * Refused
       * @description Calls that a limit refused. They are not among `calls`.
       * @example 0
       */
      refused: number;
    };
    /**
     * UsageWebhook
     * @description Where notices go, and how that went.
     */
    UsageWebhook: {
      /**
       * Address
       * @description Without path and query, which may be secret; null where no webhook is set.
       * @example https://hooks.example.com/…
       */
      address: string | null;
      /**
       * Signed
       * @description Whether OPENWEBUI_USAGE_WEBHOOK_SECRET is set.
       * @example true
       */
      signed: boolean;
      /**
       * Waiting
       * @description Notices that were not taken yet.
       * @example 0
       */
      waiting: number;
      /**
       * Deliveries
       * @description The last ones, the latest first.
       */
      deliveries: components['schemas']['WebhookDelivery'][];
    };
    /**
     * UserChoice
     * @description A user.
     */
    UserChoice: {
      /**
       * Id
       * @example 8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d
       */
      id: string;
      /**
       * Name
       * @example Ada
       */
      name: string;
      /**
       * Email
       * @example ada@example.com
       */
      email: string;
      /**
       * Role
       * @example user
       */
      role: string;
    };
    /**
     * UserChoices
     * @description Some users.
     */
    UserChoices: {
      /**
       * Users
       * @description By name.
       */
      users: components['schemas']['UserChoice'][];
    };
    /**
     * UserGroupChoice
     * @description A user group of Open WebUI.
     */
    UserGroupChoice: {
      /**
       * Id
       * @example 3d1f2a7b
       */
      id: string;
      /**
       * Name
       * @example Sales
       */
      name: string;
    };
    /**
     * UserGroupChoices
     * @description Some user groups.
     */
    UserGroupChoices: {
      /**
       * User Groups
       * @description By name.
       */
      user_groups: components['schemas']['UserGroupChoice'][];
    };
    /**
     * UserGroupOverride
     * @description Another limit for each member of a user group.
     */
    UserGroupOverride: {
      /**
       * Limit
       * @description In the budget's `unit`; null for no limit.
       * @example 50
       */
      limit: number | null;
      /**
       * User Group
       * @description The user group's id.
       * @example 8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d
       */
      user_group: string;
    };
    /**
     * UserOverride
     * @description Another limit for one user.
     */
    UserOverride: {
      /**
       * Limit
       * @description In the budget's `unit`; null for no limit.
       * @example 50
       */
      limit: number | null;
      /**
       * User
       * @description The user's id.
       * @example 8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d
       */
      user: string;
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
    /**
     * ViewSaved
     * @description A view as it is now.
     */
    ViewSaved: {
      /**
       * Status
       * @constant
       */
      status: true;
      view: components['schemas']['SavedView'];
    };
    /**
     * ViewToSave
     * @description What a page shows.
     */
    ViewToSave: {
      /**
       * Page
       * @description Which page it is of.
       * @example overview
       */
      page: string;
      /**
       * State
       * @description The query of the page's address, without the question mark.
       * @example range=month&group=model
       */
      state: string;
      /**
       * Shared
       * @description For all who read reports of everybody, who are the only ones that may share.
       * @default false
       * @example false
       */
      shared?: boolean;
    };
    /**
     * WebhookDelivery
     * @description One try to post one notice.
     */
    WebhookDelivery: {
      /**
       * Id
       * @description The notice's, as the receiver sees it.
       * @example 187bdd1f6c0a4d2a5b1f0c9e7a3d2b1c
       */
      id: string;
      /**
       * Event
       * @description `soft_limit`, `limit`, `report` or `test`.
       * @example soft_limit
       */
      event: string;
      /**
       * About
       * @description The group or budget that it tells of, the file of a report.
       * @example GPT
       */
      about: string | null;
      /**
       * At
       * Format: date-time
       * @example 2026-11-30T23:00:00Z
       */
      at: string;
      /**
       * Tries
       * @description How often it was tried by then.
       * @example 1
       */
      tries: number;
      /**
       * Status
       * @description The HTTP status of the answer; null where there was none.
       * @example 204
       */
      status: number | null;
      /**
       * Error
       * @description Why there was no answer.
       * @example null
       */
      error: string | null;
    };
    /**
     * WebhookTested
     * @description A test was posted.
     */
    WebhookTested: {
      /**
       * Status
       * @constant
       */
      status: true;
      /**
       * Taken
       * @description Whether the receiver took it: its status is 200 to 299.
       * @example true
       */
      taken: boolean;
      /**
       * Answer
       * @description The receiver's HTTP status; null where it did not answer.
       * @example 204
       */
      answer: number | null;
      /**
       * Text
       * @description How its answer begins.
       * @example
       */
      text: string;
      /**
       * Error
       * @description Why there was no answer.
       * @example null
       */
      error: string | null;
      /**
       * Seconds
       * @description How long that took.
       * @example 0.12
       */
      seconds: number;
    };
    /**
     * WrongValue
     * @description A setting that cannot be used, so that its default stands in for it.
     */
    WrongValue: {
      /**
       * Variable
       * @example OPENWEBUI_USAGE_FAIL_CLOSED
       */
      variable: string;
      /**
       * Fault
       * @example Input should be a valid boolean, unable to interpret input (got 'ture')
       */
      fault: string;
      /**
       * Taken
       * @description What is taken instead.
       * @example false
       */
      taken: string;
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
      /** @description The name is taken, is counted by a budget, or is changed at this moment; or there are too many */
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
      /** @description The name is taken, is counted by a budget, or is changed at this moment; or there are too many */
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
      /** @description The name is taken, is counted by a budget, or is changed at this moment; or there are too many */
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
      /** @description The name is taken, is counted by a budget, or is changed at this moment; or there are too many */
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
  preview_budget_api_usage_budgets_preview_post: {
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
        'application/json': components['schemas']['PreviewedBudget'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['RefusalPreview'];
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
      /** @description The name is taken, is counted by a budget, or is changed at this moment; or there are too many */
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
  reset_budget_api_usage_budgets__name__reset_post: {
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
          'application/json': components['schemas']['BudgetChanged'];
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
  get_credits_api_usage_budgets__name__credits_get: {
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
          'application/json': components['schemas']['UsageCredits'];
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
  give_credit_api_usage_budgets__name__credits_post: {
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
        'application/json': components['schemas']['NewCredit'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['CreditGiven'];
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
  delete_credit_api_usage_budgets__name__credits__id__delete: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path: {
        /** @description A budget's */
        name: string;
        /** @description The credit's */
        id: string;
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
  get_journal_api_usage_journal_get: {
    parameters: {
      query: {
        /** @description Entries on a page */
        limit?: number;
        /** @description `next` of the page before */
        before?: string | null;
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
          'application/json': components['schemas']['UsageJournal'];
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
  get_effective_prices_api_usage_prices_effective_get: {
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
          'application/json': components['schemas']['EffectivePrices'];
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
  get_access_api_usage_me_access_get: {
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
          'application/json': components['schemas']['OwnAccess'];
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
  get_own_limit_api_usage_me_limit_get: {
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
          'application/json': components['schemas']['OwnLimitAnswer'];
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
  put_own_limit_api_usage_me_limit_put: {
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
        'application/json': components['schemas']['NewOwnLimit'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['OwnLimitAnswer'];
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
  get_own_chats_api_usage_me_chats_get: {
    parameters: {
      query: {
        /** @description A date or an instant of ISO 8601, rounded down to a quarter of an hour; by default, this month */
        from?: string | null;
        /** @description The same, not included, rounded up */
        to?: string | null;
        /** @description An IANA time zone: where days and months begin */
        tz?: string;
        /** @description Chats of the answer */
        limit?: number;
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
          'application/json': components['schemas']['UsageChats'];
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
  get_typical_api_usage_typical_get: {
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
          'application/json': components['schemas']['TypicalUsage'];
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
    };
  };
  get_report_api_usage_reports_get: {
    parameters: {
      query: {
        _: unknown;
        /** @description A date or an instant of ISO 8601, rounded down to a quarter of an hour; by default, this month */
        from?: string | null;
        /** @description The same, not included, rounded up */
        to?: string | null;
        /** @description An IANA time zone: where days and months begin */
        tz?: string;
        /** @description What the time is cut into, at most 20000 parts. Weeks begin on Monday */
        bucket?: 'none' | '15m' | 'hour' | 'day' | 'week' | 'month';
        /** @description Up to 2 of user, user_group, model, called_model, connection, usage_group, kind, key, outcome; repeated, or with a comma between */
        group_by?: string[];
        /** @description How many groups have rows of their own, by cost, then tokens; the rest is one row, `Other`. A report has at most 100000 rows as JSON, and 1000000 as a file */
        top?: number | null;
        /** @description `previous` adds what the time before came to */
        compare?: 'previous' | null;
        /** @description JSON, or the rows as a file */
        format?: 'json' | ('csv' | 'jsonl' | 'xlsx' | 'parquet');
        /** @description Adds percentiles of how long calls took. Only by model and connection, and for those who may read everybody's calls */
        latency?: boolean;
        /** @description Only these: ids or names, or `none` */
        user?: string[];
        /** @description Only these: ids or names, or `none` */
        user_group?: string[];
        /** @description Only these: ids or globs */
        model?: string[];
        /** @description Only these: ids or globs */
        called_model?: string[];
        /** @description Only these: ids or names, or `none` */
        connection?: string[];
        /** @description Only these: ids or names, or `none` */
        usage_group?: string[];
        /** @description Only these */
        kind?: (
          ('chat' | 'task' | 'api' | 'client' | 'automation' | 'embedding') | ('none' | 'not recorded')
        )[];
        /** @description Only these: ids or names, or `none` */
        key?: string[];
        /** @description Only these */
        outcome?: (('done' | 'stopped' | 'error') | 'refused')[];
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
          'application/json': components['schemas']['UsageReport'];
          'text/csv': string;
          'application/x-ndjson': string;
          'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': string;
          'application/vnd.apache.parquet': string;
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
  get_own_report_api_usage_me_report_get: {
    parameters: {
      query: {
        _: unknown;
        /** @description A date or an instant of ISO 8601, rounded down to a quarter of an hour; by default, this month */
        from?: string | null;
        /** @description The same, not included, rounded up */
        to?: string | null;
        /** @description An IANA time zone: where days and months begin */
        tz?: string;
        /** @description What the time is cut into, at most 20000 parts. Weeks begin on Monday */
        bucket?: 'none' | '15m' | 'hour' | 'day' | 'week' | 'month';
        /** @description Up to 2 of user, user_group, model, called_model, connection, usage_group, kind, key, outcome; repeated, or with a comma between */
        group_by?: string[];
        /** @description How many groups have rows of their own, by cost, then tokens; the rest is one row, `Other`. A report has at most 100000 rows as JSON, and 1000000 as a file */
        top?: number | null;
        /** @description `previous` adds what the time before came to */
        compare?: 'previous' | null;
        /** @description JSON, or the rows as a file */
        format?: 'json' | ('csv' | 'jsonl' | 'xlsx' | 'parquet');
        /** @description Adds percentiles of how long calls took. Only by model and connection, and for those who may read everybody's calls */
        latency?: boolean;
        /** @description Only these: ids or names, or `none` */
        user?: string[];
        /** @description Only these: ids or names, or `none` */
        user_group?: string[];
        /** @description Only these: ids or globs */
        model?: string[];
        /** @description Only these: ids or globs */
        called_model?: string[];
        /** @description Only these: ids or names, or `none` */
        connection?: string[];
        /** @description Only these: ids or names, or `none` */
        usage_group?: string[];
        /** @description Only these */
        kind?: (
          ('chat' | 'task' | 'api' | 'client' | 'automation' | 'embedding') | ('none' | 'not recorded')
        )[];
        /** @description Only these: ids or names, or `none` */
        key?: string[];
        /** @description Only these */
        outcome?: (('done' | 'stopped' | 'error') | 'refused')[];
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
          'application/json': components['schemas']['UsageReport'];
          'text/csv': string;
          'application/x-ndjson': string;
          'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': string;
          'application/vnd.apache.parquet': string;
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
  get_refusals_api_usage_refusals_get: {
    parameters: {
      query: {
        /** @description A date or an instant of ISO 8601, rounded down to a quarter of an hour; by default, this month */
        from?: string | null;
        /** @description The same, not included, rounded up */
        to?: string | null;
        /** @description An IANA time zone: where days and months begin */
        tz?: string;
        /** @description Only these: ids or names, or `none` */
        user?: string[];
        /** @description Only these: ids or names, or `none` */
        user_group?: string[];
        /** @description Only these: ids or globs */
        model?: string[];
        /** @description Only these: ids or globs */
        called_model?: string[];
        /** @description Only these: ids or names, or `none` */
        connection?: string[];
        /** @description Only these: ids or names, or `none` */
        usage_group?: string[];
        /** @description Only these: ids or names, or `none` */
        kind?: string[];
        /** @description Only these: ids or names, or `none` */
        key?: string[];
        /** @description Rows of the answer */
        limit?: number;
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
          'application/json': components['schemas']['RefusalReport'];
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
  get_unusual_users_api_usage_unusual_users_get: {
    parameters: {
      query: {
        /** @description US dollars: less in a day is nothing to look at */
        least_cost?: number;
        /** @description The same in tokens */
        least_tokens?: number;
        /** @description Robust standard deviations beyond the median day */
        deviations?: number;
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
          'application/json': components['schemas']['UnusualUsage'];
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
  get_forecast_api_usage_forecast_get: {
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
          'application/json': components['schemas']['UsageForecasts'];
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
  get_own_forecast_api_usage_me_forecast_get: {
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
          'application/json': components['schemas']['UsageForecasts'];
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
  get_calls_api_usage_calls_get: {
    parameters: {
      query: {
        _: unknown;
        /** @description A date or an instant of ISO 8601, rounded down to a quarter of an hour; by default, any time */
        from?: string | null;
        /** @description The same, not included, rounded up */
        to?: string | null;
        /** @description An IANA time zone: where days and months begin */
        tz?: string;
        /** @description Calls on a page */
        limit?: number;
        /** @description `next` of the page before */
        before?: string | null;
        /** @description A page as JSON, or the whole list as a file */
        format?: 'json' | ('csv' | 'jsonl' | 'xlsx' | 'parquet');
        /** @description Only these: ids or names, or `none` */
        user?: string[];
        /** @description Only these: ids or names, or `none` */
        user_group?: string[];
        /** @description Only these: ids or globs */
        model?: string[];
        /** @description Only these: ids or globs */
        called_model?: string[];
        /** @description Only these: ids or names, or `none` */
        connection?: string[];
        /** @description Only these: ids or names, or `none` */
        usage_group?: string[];
        /** @description Only these */
        kind?: (
          ('chat' | 'task' | 'api' | 'client' | 'automation' | 'embedding') | ('none' | 'not recorded')
        )[];
        /** @description Only these: ids or names, or `none` */
        key?: string[];
        /** @description Only these */
        outcome?: (('done' | 'stopped' | 'error') | 'refused')[];
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
          'application/json': components['schemas']['UsageCalls'];
          'text/csv': string;
          'application/x-ndjson': string;
          'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': string;
          'application/vnd.apache.parquet': string;
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
  get_call_api_usage_calls__id__get: {
    parameters: {
      query: {
        /** @description An IANA time zone: where days and months begin */
        tz?: string;
        _: unknown;
      };
      header?: never;
      path: {
        /** @description As in the list */
        id: string;
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
          'application/json': components['schemas']['UsageCallDetails'];
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
  get_own_calls_api_usage_me_calls_get: {
    parameters: {
      query: {
        _: unknown;
        /** @description A date or an instant of ISO 8601, rounded down to a quarter of an hour; by default, any time */
        from?: string | null;
        /** @description The same, not included, rounded up */
        to?: string | null;
        /** @description An IANA time zone: where days and months begin */
        tz?: string;
        /** @description Calls on a page */
        limit?: number;
        /** @description `next` of the page before */
        before?: string | null;
        /** @description A page as JSON, or the whole list as a file */
        format?: 'json' | ('csv' | 'jsonl' | 'xlsx' | 'parquet');
        /** @description Only these: ids or names, or `none` */
        user?: string[];
        /** @description Only these: ids or names, or `none` */
        user_group?: string[];
        /** @description Only these: ids or globs */
        model?: string[];
        /** @description Only these: ids or globs */
        called_model?: string[];
        /** @description Only these: ids or names, or `none` */
        connection?: string[];
        /** @description Only these: ids or names, or `none` */
        usage_group?: string[];
        /** @description Only these */
        kind?: (
          ('chat' | 'task' | 'api' | 'client' | 'automation' | 'embedding') | ('none' | 'not recorded')
        )[];
        /** @description Only these: ids or names, or `none` */
        key?: string[];
        /** @description Only these */
        outcome?: (('done' | 'stopped' | 'error') | 'refused')[];
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
          'application/json': components['schemas']['UsageCalls'];
          'text/csv': string;
          'application/x-ndjson': string;
          'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': string;
          'application/vnd.apache.parquet': string;
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
  export_focus_api_usage_export_focus_get: {
    parameters: {
      query: {
        /** @description Of UTC; by default, this one */
        month?: string | null;
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
          'text/csv': string;
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
  get_cost_centers_api_usage_cost_centers_get: {
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
          'application/json': components['schemas']['UsageCostCenters'];
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
  put_cost_centers_api_usage_cost_centers_put: {
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
        'application/json': components['schemas']['CostCenters'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['UsageCostCenters'];
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
  get_views_api_usage_views_get: {
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
          'application/json': components['schemas']['SavedViews'];
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
  get_view_api_usage_views__name__get: {
    parameters: {
      query: {
        /** @description The shared one of that name, not your own */
        shared?: boolean;
        _: unknown;
      };
      header?: never;
      path: {
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
          'application/json': components['schemas']['SavedView'];
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
  put_view_api_usage_views__name__put: {
    parameters: {
      query: {
        _: unknown;
      };
      header?: never;
      path: {
        /** @description Without slashes and control characters. */
        name: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        'application/json': components['schemas']['ViewToSave'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ViewSaved'];
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
      /** @description The name is taken, is counted by a budget, or is changed at this moment; or there are too many */
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
  delete_view_api_usage_views__name__delete: {
    parameters: {
      query: {
        /** @description The shared one of that name, not your own */
        shared?: boolean;
        _: unknown;
      };
      header?: never;
      path: {
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
  get_models_api_usage_directory_models_get: {
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
          'application/json': components['schemas']['ModelChoices'];
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
  get_users_api_usage_directory_users_get: {
    parameters: {
      query: {
        /** @description A part of the name; without one, whoever comes first */
        search?: string;
        /** @description Only these, whatever `search` says */
        id?: string[];
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
          'application/json': components['schemas']['UserChoices'];
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
    };
  };
  get_user_groups_api_usage_directory_user_groups_get: {
    parameters: {
      query: {
        /** @description A part of the name; without one, whoever comes first */
        search?: string;
        /** @description Only these, whatever `search` says */
        id?: string[];
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
          'application/json': components['schemas']['UserGroupChoices'];
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
    };
  };
  get_readers_api_usage_readers_get: {
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
          'application/json': components['schemas']['UsageReaders'];
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
  put_readers_api_usage_readers_put: {
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
        'application/json': components['schemas']['Readers'];
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ReadersChanged'];
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
  get_webhook_api_usage_webhook_get: {
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
          'application/json': components['schemas']['UsageWebhook'];
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
  test_webhook_api_usage_webhook_test_post: {
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
          'application/json': components['schemas']['WebhookTested'];
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
      /** @description The name is taken, is counted by a budget, or is changed at this moment; or there are too many */
      409: {
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
  get_configuration_api_usage_config_get: {
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
          'application/yaml': string;
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
  put_configuration_api_usage_config_post: {
    parameters: {
      query: {
        /** @description Change nothing, only tell what would be changed */
        dry_run?: boolean;
        /** @description Remove what a section of the file does not name; other sections stay as they are */
        prune?: boolean;
        _: unknown;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        'application/yaml': string;
      };
    };
    responses: {
      /** @description Successful Response */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ConfigurationChange'];
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
      /** @description The name is taken, is counted by a budget, or is changed at this moment; or there are too many */
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
  get_metrics_api_usage_metrics_get: {
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
      /** @description Prometheus's text format, or OpenMetrics for those who accept it */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          /**
           * @example # HELP openwebui_usage_tokens_total Tokens that were billed, each in one type.
           *     # TYPE openwebui_usage_tokens_total counter
           *     openwebui_usage_tokens_total{connection="https://api.openai.com/v1",kind="chat",model="gpt-4o",type="input"} 1234.0
           */
          'text/plain': string;
          /**
           * @example # HELP openwebui_usage_tokens_total Tokens that were billed, each in one type.
           *     # TYPE openwebui_usage_tokens_total counter
           *     openwebui_usage_tokens_total{connection="https://api.openai.com/v1",kind="chat",model="gpt-4o",type="input"} 1234.0
           *     # EOF
           */
          'application/openmetrics-text': string;
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
